"""Prepare plugins when the server has started and after changes, and keep their process while chats need it."""

from __future__ import annotations

from fastback.features.functions.catalogue import FunctionCatalogue
from fastback.features.functions.events import FunctionsChanged
from fastback.features.plugin_start.preparation import PluginPreparation
from fastback.features.plugin_start.reloading import FunctionReloading
from fastback.features.tools.service import ToolChanged
from fastback.kit.bus import Bus
from fastback.kit.db import Database
from fastback.kit.services import Component, Services
from fastback.kit.tasks import Tasks
from fastback.plugins.host_retirement import HostRetirement
from fastback.plugins.package_installer import PackageInstaller
from fastback.settings import Settings


async def set_up(services: Services) -> None:
    """Begin the preparation in the background."""
    tasks = services.get(Tasks)
    preparation = PluginPreparation(
        db=services.get(Database),
        settings=services.get(Settings),
        installer=services.get(PackageInstaller),
        catalogue=services.get(FunctionCatalogue),
    )
    services.get(FunctionCatalogue).prepare_with(preparation.install_packages)
    services.get(HostRetirement).add_need(preparation.has_active_functions)
    tasks.run_through_outages(preparation.prepare)
    reloading = FunctionReloading(
        catalogue=services.get(FunctionCatalogue),
        has_active_functions=preparation.has_active_functions,
        tasks=tasks,
    )
    bus = services.get(Bus)
    bus.subscribe(FunctionsChanged, reloading.note_change, elsewhere=True)

    def note_tool(event: ToolChanged) -> None:
        tasks.run_in_background(preparation.install_tool_packages(event.tool_id))

    bus.subscribe(ToolChanged, note_tool, here=False, elsewhere=True)


COMPONENT = Component(name="plugin_start", setup=set_up)
