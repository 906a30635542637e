"""Import the client of the MCP protocol's SDK without the servers that its package brings along.

The SDK's client can also talk to a server inside its own process, so its modules import those of servers: a web
framework, a web server, cryptography and more, twelve megabytes that this process never uses. Placeholders take their
place while the client is imported. Afterwards the SDK's modules are forgotten: a plugin that imports `mcp` gets all of
it.
"""

from __future__ import annotations

import importlib
import logging
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

log = logging.getLogger("fastback.plugin_host")

_SDK = "mcp"
#: Packages whose own code imports servers; their modules are imported one by one.
_HOLLOW_PACKAGES = (_SDK, "mcp.client")
_SERVERS = "mcp.server"


class _Placeholder:
    """What the client's modules import of a server; nothing is an instance of it."""

    def __class_getitem__(cls, item: Any) -> type[_Placeholder]:
        return cls


class _PlaceholderModule(ModuleType):
    """A module of the SDK's servers: every name in it is a class."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        placeholder = type(name, (_Placeholder,), {})
        setattr(self, name, placeholder)
        return placeholder


class _PlaceholderFinder(MetaPathFinder, Loader):
    """Find packages without their own code, and placeholders of servers."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name == _SERVERS or name.startswith(f"{_SERVERS}."):
            return ModuleSpec(name, self, is_package=True)
        own_spec = PathFinder.find_spec(name, path) if name in _HOLLOW_PACKAGES else None
        if own_spec is None:
            return None
        spec = ModuleSpec(name, self, is_package=True)
        spec.submodule_search_locations = own_spec.submodule_search_locations
        return spec

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return None if spec.name in _HOLLOW_PACKAGES else _PlaceholderModule(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """Run nothing."""


def import_from_sdk(*names: str) -> list[Any]:
    """Return objects of the SDK's client, each by its name after that of its module.

    Where a plugin has imported the SDK, they are those that the plugin has.

    Raises:
        ImportError: the SDK is not installed.
    """
    if _SDK in sys.modules:
        return _import_objects(names)
    try:
        with _leave_out_servers():
            return _import_objects(names)
    except Exception as error:
        if isinstance(error, ModuleNotFoundError) and error.name == _SDK:
            raise
        log.warning("the SDK of MCP is imported with its servers: %s", error)
    return _import_objects(names)


def _import_objects(names: Sequence[str]) -> list[Any]:
    paths = [name.rpartition(".") for name in names]
    return [getattr(importlib.import_module(module), name) for module, _, name in paths]


@contextmanager
def _leave_out_servers() -> Iterator[None]:
    finder = _PlaceholderFinder()
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        for name in [name for name in sys.modules if name.partition(".")[0] == _SDK]:
            del sys.modules[name]
