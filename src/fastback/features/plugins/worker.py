"""The worker's side of `loading`: load one plugin and answer one question about it.

Question and answer are JSON; an answer is `{"found": …}` or `{"failed": text, "valves": bool}`. The process does
nothing else and ends then.
"""

from __future__ import annotations

import inspect
import json
import os
import sys
import tempfile
import types
from contextlib import suppress
from typing import Any

Question = dict[str, Any]

#: The classes that make a function, and what kind of function each makes, in the order in which they are looked for.
_FUNCTION_CLASSES = {"Pipe": "pipe", "Filter": "filter", "Action": "action", "Event": "event"}


class ValvesMismatch(Exception):
    """The stored valves are none that this code would take."""


def _limit(seconds: int, memory: int) -> None:
    """Let the system end this process after `seconds` of computing, and refuse it files of more than `memory` bytes."""
    try:
        import resource
    except ImportError:  # no such limits here; the parent's clock remains
        return
    for kind, limit in ((resource.RLIMIT_CPU, seconds), (resource.RLIMIT_FSIZE, memory)):
        with suppress(ValueError, OSError):
            resource.setrlimit(kind, (limit, limit))


def load(kind: str, plugin_id: str, content: str) -> tuple[Any, str]:
    """The plugin's object and its kind: `tool`, or what sort of function it is."""
    module = types.ModuleType(f"{kind}_{plugin_id}")
    sys.modules[module.__name__] = module
    with tempfile.NamedTemporaryFile("w", suffix=".py", dir=".", delete=False, encoding="utf-8") as file:
        file.write(content)
    module.__dict__["__file__"] = os.path.abspath(file.name)
    exec(compile(content, "<string>", "exec", dont_inherit=True), module.__dict__)
    if kind == "tool":
        if not hasattr(module, "Tools"):
            raise Exception("No Tools class found in the module")
        return module.Tools(), "tool"
    for name, made in _FUNCTION_CLASSES.items():
        if hasattr(module, name):
            return getattr(module, name)(), made
    raise Exception("No Function class found in the module")


def _check_valves(plugin: Any, stored: dict[str, Any]) -> None:
    """Raises: ValvesMismatch. Values that are not set yet are no mismatch: they are filled in later."""
    if not hasattr(plugin, "Valves"):
        return
    try:
        plugin.Valves(**{name: value for name, value in stored.items() if value is not None})
    except Exception as error:
        problems = error.errors(include_input=False) if hasattr(error, "errors") else None
        if problems is not None and all(one["type"] == "missing" for one in problems):
            return
        told = [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in problems or ()]
        raise ValvesMismatch("; ".join(told) if problems is not None else str(error)) from error


def _describe(plugin: Any, kind: str, question: Question) -> dict[str, Any]:
    from fastback.features.plugins import specs

    found: dict[str, Any] = {
        "type": kind,
        "has_user_valves": hasattr(plugin, "UserValves"),
        "toggle": kind == "filter" and bool(getattr(plugin, "toggle", False)),
        "specs": [specs.build_spec(method) for method in specs.list_methods(plugin)] if kind == "tool" else [],
    }
    _check_valves(plugin, question.get("valves") or {})
    return found


def _options(valves: Any, options: Any, user: Any) -> list[Any] | None:
    """What a field may be set to: a list, or the name of a method that knows. None where neither helps."""
    if isinstance(options, list):
        return options
    method = getattr(valves, options, None) if isinstance(options, str) and options else None
    if not callable(method):
        return None
    try:
        wanted = inspect.signature(method).parameters
        found = method(**{name: user for name in ("__user__", "user") if name in wanted})
    except Exception:
        return None
    return found if isinstance(found, list) else None


def _schema(valves: Any, user: Any) -> dict[str, Any]:
    """The form of the valves, with what their fields may be set to."""
    schema: dict[str, Any] = valves.model_json_schema()
    for name, shown in schema.get("properties", {}).items():
        field = getattr(valves, "model_fields", {}).get(name)
        extra = getattr(field, "json_schema_extra", None)
        wanted = extra.get("input") if isinstance(extra, dict) else None
        if not isinstance(wanted, dict) or wanted.get("options") is None:
            continue
        found = _options(valves, wanted["options"], user)
        if found is not None:
            shown["input"] = {**shown.get("input", {"type": "select"}), "options": found}
    return schema


def answered(question: Question) -> Any:
    """The answer to a question about a plugin, whose code runs here."""
    plugin, kind = load(question["kind"], question["id"], question["content"])
    if question["ask"] == "describe":
        return _describe(plugin, kind, question)
    valves = getattr(plugin, question["class"], None)
    if valves is None:
        return None
    if question["ask"] == "schema":
        return _schema(valves, question.get("user"))
    try:
        return valves(**question["values"]).model_dump(exclude_unset=True)
    except Exception as error:
        raise ValvesMismatch(str(error)) from error


def handle(job: bytes) -> bytes:
    """Return the answer to a question; both are JSON."""
    question: Question = json.loads(job)
    _limit(question["seconds"], question["memory"])
    answer: dict[str, Any]
    try:
        answer = {"found": answered(question)}
    except BaseException as error:  # also SystemExit: a plugin that wants to leave does not load
        answer = {"failed": str(error) or type(error).__name__, "valves": isinstance(error, ValvesMismatch)}
    return json.dumps(answer, default=str).encode()
