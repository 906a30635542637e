"""Prepare plugins when the server has started, and keep their process while chats need it."""

from __future__ import annotations

from fastback.features.functions.catalogue import FunctionCatalogue
from fastback.features.plugin_start.preparation import PluginPreparation
from fastback.kit.db import Database
from fastback.kit.services import Component, Services
from fastback.kit.tasks import Tasks
from fastback.plugins.host_retirement import HostRetirement
from fastback.plugins.package_installer import PackageInstaller
from fastback.settings import Settings


async def set_up(services: Services) -> None:
    """Begin the preparation in the background."""
    preparation = PluginPreparation(
        db=services.get(Database),
        settings=services.get(Settings),
        installer=services.get(PackageInstaller),
        catalogue=services.get(FunctionCatalogue),
    )
    services.get(HostRetirement).add_need(preparation.has_active_functions)
    services.get(Tasks).run_through_outages(preparation.prepare)


COMPONENT = Component(name="plugin_start", setup=set_up)
