"""Build the services of functions."""

from __future__ import annotations

from fastback.features.functions import routes
from fastback.features.functions.catalogue import FunctionCatalogue
from fastback.features.functions.model_items import ModelItems
from fastback.features.functions.pipe_models import PipeModels
from fastback.features.functions.safe_mode import deactivate_functions
from fastback.features.functions.service import FunctionRecords
from fastback.features.plugins.load_reports import LoadReports
from fastback.features.plugins.loading import PluginInspector
from fastback.features.plugins.valves import ValveStore
from fastback.kit.bus import Bus
from fastback.kit.db import Database
from fastback.kit.services import Component, Services
from fastback.plugins.host import PluginHost
from fastback.plugins.methods import HostMethods
from fastback.providers.registry import ModelRegistry
from fastback.settings import Settings


async def set_up(services: Services) -> None:
    """Add `FunctionRecords` and `FunctionCatalogue`; switch every function off where `SAFE_MODE` asks for it."""
    db = services.get(Database)
    services.add(
        FunctionRecords,
        FunctionRecords(
            db=db, plugins=services.get(PluginInspector), valves=services.get(ValveStore), bus=services.get(Bus)
        ),
    )
    settings = services.get(Settings)
    if settings.safe_mode:
        await deactivate_functions(db)
    host = services.get(PluginHost)
    catalogue = FunctionCatalogue(
        db=db,
        host=host,
        valves=services.get(ValveStore),
        reports=services.get(LoadReports),
        bus=services.get(Bus),
        enabled=settings.enable_functions,
    )
    services.add(FunctionCatalogue, catalogue)
    services.get(HostMethods).add("functions.get_source", catalogue.get_source)
    host.add_crash_listener(catalogue.switch_off)
    if settings.enable_functions:
        services.get(ModelRegistry).connect_functions(ModelItems(catalogue=catalogue, bus=services.get(Bus)))
        pipe_models = PipeModels(
            db=db,
            catalogue=catalogue,
            host=host,
            bus=services.get(Bus),
            timeout=settings.aiohttp_client_timeout_model_list,
        )
        services.get(ModelRegistry).connect_source(pipe_models)


COMPONENT = Component(name="functions", routers=routes.routers, setup=set_up)
