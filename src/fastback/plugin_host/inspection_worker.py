"""The worker process of `loading`: load one plugin, answer one question about it, and end.

Question and response are JSON; a response is `{"result": …}` or `{"error": message, "is_mismatch": bool, "hint": str}`.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import os
import sys
import tempfile
from contextlib import suppress
from typing import Any

Question = dict[str, Any]


class ValvesMismatch(Exception):
    """The plugin's code rejects the valves."""


def _limit_process(seconds: int, memory: int) -> None:
    """Let the system end this process after `seconds` of computing, and limit its files to `memory` bytes."""
    try:
        import resource
    except ImportError:  # this system has no such limits; the timeout of the parent process remains
        return
    for kind, limit in ((resource.RLIMIT_CPU, seconds), (resource.RLIMIT_FSIZE, memory)):
        with suppress(ValueError, OSError):
            resource.setrlimit(kind, (limit, limit))


def _check_valves(plugin: Any, stored: dict[str, Any]) -> None:
    """Raise ValvesMismatch if the plugin rejects the stored valves; missing values are accepted and set later."""
    if not hasattr(plugin, "Valves"):
        return
    try:
        plugin.Valves(**{name: value for name, value in stored.items() if value is not None})
    except Exception as error:
        problems = error.errors(include_input=False) if hasattr(error, "errors") else None
        if problems is not None and all(problem["type"] == "missing" for problem in problems):
            return
        lines = [f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}" for problem in problems or ()]
        raise ValvesMismatch("; ".join(lines) if problems is not None else str(error)) from error


def _describe_plugin(plugin: Any, kind: str, question: Question) -> dict[str, Any]:
    from fastback.plugin_host import specs

    description: dict[str, Any] = {
        "type": kind,
        "has_user_valves": hasattr(plugin, "UserValves"),
        "toggle": kind == "filter" and bool(getattr(plugin, "toggle", False)),
        "specs": [specs.build_spec(method) for method in specs.list_methods(plugin)] if kind == "tool" else [],
    }
    _check_valves(plugin, question.get("valves") or {})
    return description


def _list_options(valves: Any, options: Any, user: Any) -> list[Any] | None:
    """Return the options of a field: a list, or what the method with that name returns. None if neither works."""
    if isinstance(options, list):
        return options
    method = getattr(valves, options, None) if isinstance(options, str) and options else None
    if not callable(method):
        return None
    try:
        parameters = inspect.signature(method).parameters
        result = method(**{name: user for name in ("__user__", "user") if name in parameters})
    except Exception:
        return None
    return result if isinstance(result, list) else None


def _build_valves_schema(valves: Any, user: Any) -> dict[str, Any]:
    """Return the JSON schema of a valves class, with the options of its fields."""
    schema: dict[str, Any] = valves.model_json_schema()
    for name, property_schema in schema.get("properties", {}).items():
        field = getattr(valves, "model_fields", {}).get(name)
        extra = getattr(field, "json_schema_extra", None)
        field_input = extra.get("input") if isinstance(extra, dict) else None
        if not isinstance(field_input, dict) or field_input.get("options") is None:
            continue
        options = _list_options(valves, field_input["options"], user)
        if options is not None:
            property_schema["input"] = {**property_schema.get("input", {"type": "select"}), "options": options}
    return schema


async def _answer_question(question: Question) -> Any:
    """Load the plugin and return the answer to the question about it.

    Plugins may start tasks when they are created, so there is a running event loop.
    """
    from fastback.plugin_host.import_hook import install_import_hook
    from fastback.plugin_host.loader import run_code

    install_import_hook()
    sys.path.extend(path for path in question.get("import_paths", ()) if path not in sys.path)
    tempfile.tempdir = os.getcwd()
    loaded = run_code(question["kind"], question["id"], "", question["content"])
    plugin, kind = loaded.instance, loaded.type
    if question["ask"] == "describe":
        return _describe_plugin(plugin, kind, question)
    valves = getattr(plugin, question["class"], None)
    if valves is None:
        return None
    if question["ask"] == "schema":
        return _build_valves_schema(valves, question.get("user"))
    try:
        return valves(**question["values"]).model_dump(exclude_unset=True)
    except Exception as error:
        raise ValvesMismatch(str(error)) from error


def _find_hint(error: BaseException) -> str:
    from fastback.plugin_host.loader import find_installation_hint

    return find_installation_hint(error)


def handle(job: bytes) -> bytes:
    """Answer a question; question and response are JSON."""
    question: Question = json.loads(job)
    _limit_process(question["seconds"], question["memory"])
    response: dict[str, Any]
    try:
        response = {"result": asyncio.run(_answer_question(question))}
    except BaseException as error:  # includes SystemExit: a plugin that exits does not load
        response = {
            "error": str(error) or type(error).__name__,
            "is_mismatch": isinstance(error, ValvesMismatch),
            "hint": _find_hint(error),
        }
    return json.dumps(response, default=str).encode()
