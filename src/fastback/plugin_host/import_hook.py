"""Let plugins import `open_webui`: its modules are those of `fastback.plugin_host.open_webui`.

A module that is not offered raises `ModuleNotFoundError` with a hint, also where the real package is installed: its
code would open the database beside the server. Parts of libraries that need much memory and that no plugin uses are
left out.
"""

from __future__ import annotations

import dis
import importlib
import importlib.util
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import FrameType, ModuleType
from typing import Any

ALIAS = "open_webui"
_PACKAGE = "fastback.plugin_host.open_webui"
#: Modules that their libraries can do without: command lines, which import libraries for terminals.
_LEFT_OUT = frozenset({"httpx._main", "httpx2._main"})
#: Former names of modules, or of packages (with a dot at the end), and the names that they have now.
_FORMER_NAMES = {
    "open_webui.apps.webui.": "open_webui.",
    "open_webui.apps.retrieval.main": "open_webui.routers.retrieval",
    "open_webui.apps.rag.main": "open_webui.routers.retrieval",
    "open_webui.apps.images.main": "open_webui.routers.images",
    "open_webui.apps.audio.main": "open_webui.routers.audio",
    "open_webui.apps.openai.main": "open_webui.routers.openai",
    "open_webui.apps.ollama.main": "open_webui.routers.ollama",
    "open_webui.apps.socket.main": "open_webui.socket.main",
    "open_webui.apps.retrieval.": "open_webui.retrieval.",
    "open_webui.utils.utils": "open_webui.utils.auth",
}


class _AliasLoader(Loader):
    """Load a module of ours under another name."""

    def __init__(self, own_name: str) -> None:
        self._own_name = own_name

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = importlib.import_module(self._own_name)
        self._own_spec = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Restore what the import system has replaced: the module runs once, under its own name."""
        module.__spec__ = self._own_spec
        _explain_missing_names(module, ALIAS + self._own_name.removeprefix(_PACKAGE))


def _explain_missing_names(module: ModuleType, name: str) -> None:
    """Have `from module import x` say that Fastback does not offer `x`, where the module has no such name."""
    find_name = module.__dict__.get("__getattr__")
    if getattr(find_name, "explains_missing_names", False):
        return

    def find_or_explain(attribute: str) -> Any:
        try:
            if find_name is not None:
                return find_name(attribute)
        except AttributeError:
            pass
        if not attribute.startswith("__") and _is_import(sys._getframe(1)):
            raise ImportError(
                f"cannot import name {attribute!r} from {name!r}: Fastback does not offer it to plugins", name=name
            )
        raise AttributeError(f"module {name!r} has no attribute {attribute!r}", name=attribute, obj=module)

    find_or_explain.explains_missing_names = True  # type: ignore[attr-defined]
    module.__getattr__ = find_or_explain  # type: ignore[method-assign]


def _is_import(frame: FrameType) -> bool:
    """Return whether the code of a frame is at `from … import`; the import system tries submodules before."""
    code = frame.f_code
    return dis.opname[code.co_code[frame.f_lasti]] == "IMPORT_FROM"


class _OpenWebUIFinder(MetaPathFinder):
    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name in _LEFT_OUT:
            raise ModuleNotFoundError(f"{name} is left out of the process of plugins", name=name)
        if name != ALIAS and not name.startswith(ALIAS + "."):
            return None
        own_name = _PACKAGE + get_current_name(name).removeprefix(ALIAS)
        own_spec = importlib.util.find_spec(own_name)
        if own_spec is None:
            raise ModuleNotFoundError(f"No module named {name!r}: Fastback does not offer it to plugins", name=name)
        is_package = own_spec.submodule_search_locations is not None
        return ModuleSpec(name, _AliasLoader(own_name), origin=own_spec.origin, is_package=is_package)


def get_current_name(name: str) -> str:
    """Return the present name of a module that may have had another one."""
    for former, current in _FORMER_NAMES.items():
        if name == former or (former.endswith(".") and name.startswith(former)):
            return current + name.removeprefix(former)
    return name


def install_import_hook() -> None:
    """Offer `open_webui` to everything that is imported from now on. A second call has no effect."""
    if not any(isinstance(finder, _OpenWebUIFinder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _OpenWebUIFinder())
