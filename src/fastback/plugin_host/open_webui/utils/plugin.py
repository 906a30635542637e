"""Code of plugins: loading, headers, imports."""

from __future__ import annotations

from typing import Any

from fastback.kit.plugin_source import parse_frontmatter as extract_frontmatter
from fastback.kit.plugin_source import update_imports as replace_imports
from fastback.plugin_host.awaited_or_not import call_server
from fastback.plugin_host.loader import LOADED, LoadedPlugin, PluginLoader, run_code
from fastback.plugin_host.server_link import SERVER

_loader = PluginLoader(SERVER)


async def load_function(function_id: str) -> LoadedPlugin:
    """Return a function in its current version, loaded.

    Raises:
        RemoteFailure: of the kind `load_error`, or that of a missing function.
    """
    source = await call_server("functions.get_source", plugin_id=function_id)
    return await _loader.load("function", function_id, source["version"])


async def _load_tool(tool_id: str) -> LoadedPlugin:
    source = await call_server("tools.get_source", plugin_id=tool_id)
    return await _loader.load("tool", tool_id, source["version"])


async def load_function_module_by_id(function_id: str, content: str | None = None) -> Any:
    """Return the object of a function, its type, and the fields of its header; `content` replaces its code."""
    if content is not None:
        plugin = run_code("function", function_id, "", replace_imports(content))
    else:
        plugin = await load_function(function_id)
    return plugin.instance, plugin.type, await _find_frontmatter("functions", function_id, content)


async def load_tool_module_by_id(tool_id: str, content: str | None = None) -> Any:
    """Return the object of a tool, and the fields of its header; `content` is run in place of its code."""
    plugin = (
        run_code("tool", tool_id, "", replace_imports(content)) if content is not None else await _load_tool(tool_id)
    )
    return plugin.instance, await _find_frontmatter("tools", tool_id, content)


async def _find_frontmatter(kind: str, plugin_id: str, content: str | None) -> dict[str, str]:
    if content is None:
        content = (await call_server(f"{kind}.get_source", plugin_id=plugin_id))["content"]
    return extract_frontmatter(content or "")


async def get_function_module_from_cache(request: Any, function_id: str, load_from_db: bool = True, **more: Any) -> Any:
    """Return the object of a function, its type, and the fields of its header, which are empty if it was loaded."""
    plugin = LOADED.get(("function", function_id)) if not load_from_db else None
    plugin = plugin or await load_function(function_id)
    return plugin.instance, plugin.type, await _find_frontmatter("functions", function_id, None)


async def get_tool_module_from_cache(request: Any, tool_id: str, load_from_db: bool = True) -> Any:
    """Return the object of a tool, and the fields of its header."""
    plugin = await _load_tool(tool_id)
    return plugin.instance, await _find_frontmatter("tools", tool_id, None)


def get_functions_cache(request: Any) -> dict[str, Any]:
    """Return the objects of the loaded functions, by their ids."""
    return {plugin_id: plugin.instance for (kind, plugin_id), plugin in LOADED.items() if kind == "function"}


def get_tools_cache(request: Any) -> dict[str, Any]:
    """Return the objects of the loaded tools, by their ids."""
    return {plugin_id: plugin.instance for (kind, plugin_id), plugin in LOADED.items() if kind == "tool"}
