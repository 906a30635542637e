"""Build the services of plugins."""

from __future__ import annotations

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
    """Add `PluginInspector` and `ValveStore`."""
    inspector = PluginInspector(services.get(Settings), services.get(PackageInstaller))
    services.add(PluginInspector, inspector)
    services.get(Tasks).run_at_shutdown(inspector.workers.close)
    services.get(HostMethods).add("plugins.install_packages", inspector.install_packages)
    services.add(ValveStore, ValveStore(services.get(Database), services.get(Settings), services.get(Bus)))


COMPONENT = Component(name="plugins", setup=set_up)
