"""Build the services of plugins."""

from __future__ import annotations

from fastback.features.plugins import failure_store
from fastback.features.plugins.load_reports import LoadReports
from fastback.features.plugins.loading import PluginInspector
from fastback.features.plugins.valves import ValveStore
from fastback.kit.bus import Bus
from fastback.kit.db import Database
from fastback.kit.services import Component, Services
from fastback.kit.tasks import Tasks
from fastback.plugins.methods import HostMethods
from fastback.plugins.package_installer import PackageInstaller
from fastback.settings import Settings


async def set_up(services: Services) -> None:
    """Add `PluginInspector`, `LoadReports` and `ValveStore`."""
    inspector = PluginInspector(services.get(Settings), services.get(PackageInstaller))
    services.add(PluginInspector, inspector)
    services.get(Tasks).run_at_shutdown(inspector.workers.close)
    methods = services.get(HostMethods)
    methods.add("plugins.install_packages", inspector.install_packages)
    reports = LoadReports(services.get(Database))
    services.add(LoadReports, reports)
    methods.add("plugins.report_load", reports.report_load)
    services.add(ValveStore, ValveStore(services.get(Database), services.get(Settings), services.get(Bus)))


COMPONENT = Component(name="plugins", setup=set_up, tables=(failure_store.CREATE_TABLE,))
