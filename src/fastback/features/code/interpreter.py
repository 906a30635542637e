"""The code interpreter of models: code as models write it, made runnable, and the Jupyter server that runs it."""

from __future__ import annotations

import re

from fastback.config import Config
from fastback.config.keys import code as code_keys
from fastback.features.code.jupyter import JupyterClient

#: Colours and other control sequences of terminals.
_ANSI = re.compile(r"\x1b(?:\[[0-9;]*[A-Za-z]|\([AB]|[PX^_][^\x1b\n]*\x1b\\|\][^\x07\x1b\n]*(?:\x07|\x1b\\))")
_OPENING_FENCE, _CLOSING_FENCE = re.compile(r"^```\w*\n?"), re.compile(r"\n?```\s*$")
#: Refuses imports of modules in the code itself; libraries import what they need.
_IMPORT_GUARD = """\
import builtins

_BLOCKED = {names!r}
_import_module = builtins.__import__


def _import_allowed(name, globals=None, locals=None, fromlist=(), level=0):
    if name.split(".")[0] in _BLOCKED and (globals or {{}}).get("__name__") == "__main__":
        raise ImportError(f"Direct import of module {{name}} is restricted.")
    return _import_module(name, globals, locals, fromlist, level)


builtins.__import__ = _import_allowed
"""


def clean_code(code: str, blocked_modules: list[str]) -> str:
    """Return code without the fences and control sequences that models write around it; blocked imports fail."""
    code = _ANSI.sub("", code).strip()
    code = _CLOSING_FENCE.sub("", _OPENING_FENCE.sub("", code)).strip()
    return f"{_IMPORT_GUARD.format(names=blocked_modules)}\n{code}" if blocked_modules else code


def build_interpreter_client(config: Config) -> JupyterClient:
    """Return a client of the Jupyter server that runs the code of models."""
    method = config.get_text(code_keys.CODE_INTERPRETER_JUPYTER_AUTH)
    token, password = code_keys.CODE_INTERPRETER_JUPYTER_AUTH_TOKEN, code_keys.CODE_INTERPRETER_JUPYTER_AUTH_PASSWORD
    return JupyterClient(
        config.get_text(code_keys.CODE_INTERPRETER_JUPYTER_URL),
        token=config.get_text(token) if method == "token" else None,
        password=config.get_text(password) if method == "password" else None,
        timeout=config.get_number(code_keys.CODE_INTERPRETER_JUPYTER_TIMEOUT),
    )
