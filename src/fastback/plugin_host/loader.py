"""Load plugins: their code runs once for each version, and its instance serves all requests."""

from __future__ import annotations
import __future__

import ast
import asyncio
import linecache
import logging
import os
import sys
import tempfile
import types
import uuid
from typing import Any

from fastback.kit.rpc.errors import RemoteFailure, describe_error
from fastback.plugin_host.blocking_code import has_blocking_calls
from fastback.plugin_host.memory_tidying import MEMORY
from fastback.plugin_host.server_link import ServerLink

log = logging.getLogger("fastback.plugin_host")

#: The class that a function defines, and the type of function that it makes; the first class that exists counts.
FUNCTION_CLASSES = {"Pipe": "pipe", "Filter": "filter", "Action": "action", "Event": "event"}
#: Packages whose modules have other names, where plugins use them often.
_PACKAGES = {
    "PIL": "pillow",
    "bs4": "beautifulsoup4",
    "cv2": "opencv-python-headless",
    "dateutil": "python-dateutil",
    "docx": "python-docx",
    "dotenv": "python-dotenv",
    "fitz": "pymupdf",
    "google": "google-genai",
    "pptx": "python-pptx",
    "sklearn": "scikit-learn",
    "yaml": "pyyaml",
}


#: Open WebUI runs plugins with this future statement in effect, and some name types that they import later.
_FLAGS = __future__.annotations.compiler_flag


class LoadedPlugin:
    """A plugin whose code has run.

    Attributes:
        kind: `tool` or `function`.
        type: `tool`, `pipe`, `filter`, `action` or `event`.
        version: of the code, as the server names it.
        instance: the object of its class.
        blocks: whether synchronous methods may block, so that they run in threads.
    """

    __slots__ = ("blocks", "id", "instance", "kind", "module", "type", "version")

    def __init__(
        self,
        *,
        kind: str,
        plugin_id: str,
        version: str,
        type: str,
        instance: Any,
        module: types.ModuleType,
        blocks: bool,
    ) -> None:
        self.kind = kind
        self.id = plugin_id
        self.version = version
        self.type = type
        self.instance = instance
        self.module = module
        self.blocks = blocks


#: The loaded plugins of this process, by kind and id.
LOADED: dict[tuple[str, str], LoadedPlugin] = {}


class PluginLoader:
    """Keep the loaded plugins; the server is asked for the code of others."""

    def __init__(self, server: ServerLink) -> None:
        self._server = server
        self._plugins = LOADED
        self._locks: dict[tuple[str, str], asyncio.Lock] = {}

    def list_loaded(self) -> list[LoadedPlugin]:
        return list(self._plugins.values())

    async def load(self, kind: str, plugin_id: str, version: str) -> LoadedPlugin:
        """Return a plugin in a version of its code.

        Raises:
            RemoteFailure: of the kind `load_error`; the text is for its author.
        """
        key = (kind, plugin_id)
        plugin = self._plugins.get(key)
        if plugin is not None and plugin.version == version:
            return plugin
        lock = self._locks.setdefault(key, asyncio.Lock())
        async with lock:
            plugin = self._plugins.get(key)
            if plugin is not None and plugin.version == version:
                return plugin
            plugin = self._plugins[key] = await self._load_stored(kind, plugin_id)
            return plugin

    async def _load_stored(self, kind: str, plugin_id: str) -> LoadedPlugin:
        source = await self._server.call(f"{kind}s.get_source", plugin_id=plugin_id)
        await self._server.call("plugins.install_packages", content=source["content"])
        MEMORY.tidy_soon()
        try:
            plugin = run_code(kind, plugin_id, source["version"], source["content"])
        except (Exception, SystemExit) as error:
            log.warning("loading %s %s failed: %s", kind, plugin_id, error, exc_info=error)
            text = describe_load_error(error)
            await self._report(kind, plugin_id, source["version"], text)
            raise RemoteFailure("load_error", text, {"plugin_id": plugin_id}) from None
        await self._report(kind, plugin_id, source["version"], None)
        return plugin

    async def _report(self, kind: str, plugin_id: str, version: str, error: str | None) -> None:
        """Tell the server how the loading went; it keeps the last error for administrators."""
        try:
            await self._server.call("plugins.report_load", kind=kind, plugin_id=plugin_id, version=version, error=error)
        except RemoteFailure as failure:
            log.warning("reporting the loading of %s %s failed: %s", kind, plugin_id, failure)

    def unload(self, kind: str, plugin_id: str) -> None:
        """Forget a plugin; its next use loads it again."""
        self._plugins.pop((kind, plugin_id), None)
        sys.modules.pop(f"{kind}_{plugin_id}", None)


def run_code(kind: str, plugin_id: str, version: str, content: str) -> LoadedPlugin:
    """Run the code of a plugin and return its instance.

    Raises:
        Exception: whatever the code raises, or the lack of a class for its kind.
    """
    module_name = f"{kind}_{plugin_id}_{uuid.uuid4().hex}"
    module = types.ModuleType(module_name)
    handle, path = tempfile.mkstemp(prefix=f"{kind}_", suffix=".py")
    sys.modules[module_name] = module
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(content)
        module.__dict__["__file__"] = path
        file_name = f"<{kind} {plugin_id}>"
        # Tracebacks, and plugins that read their own source, find the lines here once the file is gone.
        linecache.cache[file_name] = (len(content), None, content.splitlines(keepends=True), file_name)
        tree = ast.parse(content, "<string>")  # the name that errors of syntax show, as in Open WebUI
        exec(compile(tree, file_name, "exec", flags=_FLAGS, dont_inherit=True), module.__dict__)
        instance, plugin_type = create_instance(kind, module)
    finally:
        os.unlink(path)
        sys.modules.pop(module_name, None)
    sys.modules[f"{kind}_{plugin_id}"] = module
    return LoadedPlugin(
        kind=kind,
        plugin_id=plugin_id,
        version=version,
        type=plugin_type,
        instance=instance,
        module=module,
        blocks=has_blocking_calls(tree),
    )


def create_instance(kind: str, module: types.ModuleType) -> tuple[Any, str]:
    """Return the object of a plugin's class, and the plugin's type."""
    if kind == "tool":
        if not hasattr(module, "Tools"):
            raise Exception("No Tools class found in the module")
        return module.Tools(), "tool"
    for name, function_type in FUNCTION_CLASSES.items():
        if hasattr(module, name):
            return getattr(module, name)(), function_type
    raise Exception("No Function class found in the module")


def describe_load_error(error: BaseException) -> str:
    """Return the text of an error of loading; for a missing package, with what installs it."""
    hint = find_installation_hint(error)
    text = describe_error(error)
    return f"{text}. {hint}" if hint else text


def find_installation_hint(error: BaseException) -> str:
    """Return what an author can do about an import of a module that is not there; empty for other errors."""
    if not isinstance(error, ModuleNotFoundError) or not error.name:
        return ""
    if error.name.startswith("open_webui"):
        return "Remove the import, or let the plugin do without it"
    module = error.name.partition(".")[0]
    return f"Add `requirements: {_PACKAGES.get(module, module)}` to the header of the plugin, and save it again"
