"""What apps may ask of this server over their connection: operations by name, which features add."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import msgspec

from fastback.features.apps.schemas import App, build_response
from fastback.kit.http import BadRequest
from fastback.kit.http.coercion import Problem
from fastback.kit.http.validation import convert_value

Json = dict[str, Any]
Operation = Callable[[App, Json], Awaitable[Any]]
T = TypeVar("T", bound=msgspec.Struct)

INVALID_ARGUMENTS = "Invalid app operation arguments"


class AppOperations:
    """Run the operations that apps request."""

    def __init__(self) -> None:
        self._operations: dict[str, Operation] = {"get_me": _describe_app}

    def add(self, name: str, operation: Operation) -> None:
        """Let apps request an operation; it raises HttpError where the app may not, or the arguments are invalid."""
        self._operations[name] = operation

    async def run(self, app: App, name: Any, arguments: Any) -> Any:
        """Return the result of an operation for an app that is active.

        Raises:
            HttpError: there is no such operation, or it refuses the app.
        """
        if not isinstance(arguments, dict):
            raise BadRequest(INVALID_ARGUMENTS)
        operation = self._operations.get(name) if isinstance(name, str) else None
        if operation is None:
            raise refuse_operation()
        return await operation(app, arguments)


def refuse_operation() -> BadRequest:
    """Return the error for an operation that does not exist, or takes no arguments."""
    return BadRequest("Unknown app operation")


async def _describe_app(app: App, arguments: Json) -> Any:
    """Return the app itself."""
    if arguments:
        raise refuse_operation()
    fields = msgspec.to_builtins(build_response(app))
    return {name: value for name, value in fields.items() if name != "connection_status"}


def parse_arguments(form: type[T], arguments: Json) -> T:
    """Return the arguments of an operation as a struct.

    Raises:
        BadRequest: they are invalid.
    """
    problems: list[Problem] = []
    converted = convert_value(form, arguments, (), problems)
    try:
        if not problems:
            return msgspec.convert(converted, form)
    except msgspec.ValidationError:
        pass
    raise BadRequest(INVALID_ARGUMENTS)
