"""Build the plugin host and the installer of packages; the process itself starts when it is first called."""

from __future__ import annotations

import fastback
from fastback.kit.services import Component, Services
from fastback.kit.tasks import Tasks
from fastback.plugins.host import PluginHost
from fastback.plugins.host_retirement import CHECK_SECONDS, HostRetirement
from fastback.plugins.methods import HostMethods
from fastback.plugins.package_installer import PackageInstaller
from fastback.settings import Settings


async def set_up(services: Services) -> None:
    """Add `HostMethods`, `PackageInstaller`, `PluginHost` and `HostRetirement`."""
    settings, tasks = services.get(Settings), services.get(Tasks)
    methods = HostMethods()
    services.add(HostMethods, methods)
    installer = PackageInstaller(settings)
    services.add(PackageInstaller, installer)
    tasks.run_at_shutdown(installer.workers.close)
    host = PluginHost(
        methods=methods,
        settings={
            "version": fastback.__version__,
            "data_dir": str(settings.data_path),
            "upload_dir": str(settings.upload_path),
            "cache_dir": str(settings.cache_path),
            "import_paths": [str(installer.directory)],
        },
        hang_seconds=settings.fastback_plugin_hang_seconds,
    )
    services.add(PluginHost, host)
    tasks.run_at_shutdown(host.close)
    retirement = HostRetirement(host, idle_seconds=settings.fastback_plugin_idle_minutes * 60)
    services.add(HostRetirement, retirement)
    installer.add_listener(retirement.note_installation)
    tasks.run_every(CHECK_SECONDS, retirement.check)


COMPONENT = Component(name="plugin_host", setup=set_up)
