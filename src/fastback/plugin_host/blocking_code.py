"""Find out whether the synchronous code of a plugin may block: then it runs in a thread, not on the event loop."""

from __future__ import annotations

import ast

#: Modules and functions whose calls wait for something.
_BLOCKING_MODULES = frozenset({"requests", "urllib", "httpx", "subprocess", "sqlite3", "socket", "smtplib", "ftplib"})
_BLOCKING_CALLS = frozenset({"sleep", "system", "popen", "urlopen", "check_output", "check_call"})


def has_blocking_calls(tree: ast.AST) -> bool:
    """Return whether code calls what may block, wherever in the code that is."""
    return any(isinstance(node, ast.Call) and _is_blocking(node.func) for node in ast.walk(tree))


def _is_blocking(function: ast.expr) -> bool:
    if isinstance(function, ast.Name):
        return function.id in {"urlopen", "open"}
    if not isinstance(function, ast.Attribute):
        return False
    root: ast.expr = function
    while isinstance(root, ast.Attribute):
        root = root.value
    if not isinstance(root, ast.Name):
        return False
    if root.id == "asyncio":
        return False
    return root.id in _BLOCKING_MODULES or function.attr in _BLOCKING_CALLS
