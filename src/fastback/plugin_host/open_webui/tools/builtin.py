"""The built-in tools as functions: each runs the one of that name which the request's turn offers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from fastback.plugin_host.open_webui.utils.tools import get_builtin_tools


def __getattr__(name: str) -> Callable[..., Awaitable[Any]]:
    if name.startswith("_"):
        raise AttributeError(name)

    async def run_builtin_tool(*args: Any, __request__: Any = None, **arguments: Any) -> Any:
        """Run the tool.

        Raises:
            ValueError: the turn does not offer it.
        """
        tools = await get_builtin_tools(__request__, {})
        if name not in tools:
            raise ValueError(f"this turn does not offer the tool {name}")
        names = list(tools[name]["spec"].get("parameters", {}).get("properties", {}))
        values = {**dict(zip(names, args, strict=False)), **arguments}
        return await tools[name]["callable"](**{key: value for key, value in values.items() if key[:2] != "__"})

    run_builtin_tool.__name__ = name
    return run_builtin_tool
