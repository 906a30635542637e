"""Prepare plugins in the background after the start, so that the first chat does not wait for them."""

from __future__ import annotations

import logging

from fastback.features.functions import store as functions_store
from fastback.features.functions.catalogue import FunctionCatalogue
from fastback.features.plugins.imported_packages import list_imported_packages
from fastback.features.tools import store as tools_store
from fastback.features.users import store as users_store
from fastback.kit.db import Database
from fastback.kit.plugin_source import get_requirements
from fastback.plugins.host import PluginProcessGone
from fastback.plugins.package_installer import PackageInstaller
from fastback.settings import Settings

log = logging.getLogger("fastback.plugins")


class PluginPreparation:
    """Install what plugins require, and describe active functions, which starts the plugin process."""

    def __init__(
        self, *, db: Database, settings: Settings, installer: PackageInstaller, catalogue: FunctionCatalogue
    ) -> None:
        self._db = db
        self._settings = settings
        self._installer = installer
        self._catalogue = catalogue

    async def prepare(self) -> None:
        """Install packages, and load functions."""
        await self.install_packages()
        if await self.has_active_functions():
            try:
                await self._catalogue.get_functions()
            except PluginProcessGone as error:
                log.error("loading the active functions failed: %s", error)

    async def install_packages(self) -> None:
        """Install the packages of active functions and of the tools of administrators in one call."""
        fields: list[str] = []
        for content in await self._list_code():
            fields += _list_requirements(content)
        await self._installer.install(fields)

    async def install_tool_packages(self, tool_id: str) -> None:
        """Install the packages of an administrator's tool that another process has stored.

        That process has a data directory of its own, or has installed them in this one, so that nothing is missing.
        """
        tool = await tools_store.find_tool(self._db, tool_id) if self._settings.enable_tools else None
        if tool is not None and tool.user_id in await users_store.list_admin_ids(self._db):
            await self._installer.install(_list_requirements(tool.content or ""))

    async def has_active_functions(self) -> bool:
        """Return whether the plugin process is needed for chats."""
        return self._settings.enable_functions and await functions_store.has_active(self._db)

    async def _list_code(self) -> list[str]:
        code: list[str] = []
        if self._settings.enable_functions:
            code += [row.content for row in await functions_store.list_active(self._db)]
        if self._settings.enable_tools:
            admin_ids = await users_store.list_admin_ids(self._db)
            code += [row.content for row in await tools_store.list_code(self._db) if row.user_id in admin_ids]
        return code


def _list_requirements(content: str) -> list[str]:
    """Return what the header of a plugin requires, and what its code imports, as the installer takes both."""
    return [get_requirements(content), ", ".join(list_imported_packages(content))]
