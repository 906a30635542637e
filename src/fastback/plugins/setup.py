"""Build the plugin host; the process itself starts when it is first called."""

from __future__ import annotations

import fastback
from fastback.kit.services import Component, Services
from fastback.kit.tasks import Tasks
from fastback.plugins.host import PluginHost
from fastback.plugins.methods import HostMethods
from fastback.settings import Settings


async def set_up(services: Services) -> None:
    """Add `HostMethods` and `PluginHost`."""
    settings = services.get(Settings)
    methods = HostMethods()
    services.add(HostMethods, methods)
    host = PluginHost(
        methods=methods,
        settings={"version": fastback.__version__, "data_dir": str(settings.data_dir)},
        hang_seconds=settings.fastback_plugin_hang_seconds,
    )
    services.add(PluginHost, host)
    services.get(Tasks).run_at_shutdown(host.close)


COMPONENT = Component(name="plugin_host", setup=set_up)
