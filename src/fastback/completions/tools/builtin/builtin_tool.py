"""What built-in tools share: their specifications, the reading of arguments, and groups."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import msgspec

from fastback.completions.tools.builtin.conditions import OfferConditions
from fastback.completions.tools.offered_tool import OfferedTool, RawResult, ToolCallContext, ToolError
from fastback.completions.turn import Turn
from fastback.kit.http.errors import HttpError

Json = dict[str, Any]
ListSources = Callable[[Json, str], list[Json]]

_REQUIRED: Any = object()


class Parameter(msgspec.Struct, frozen=True):
    """A parameter of a tool: `schema` is its JSON schema; without a default it is required."""

    name: str
    schema: Json
    default: Any = _REQUIRED


def text(name: str, description: str, default: Any = _REQUIRED, **schema: Any) -> Parameter:
    """Describe a text; `schema` are further fields, `enum` for instance."""
    return Parameter(name, {"type": "string", "description": description, **schema}, default)


def integer(name: str, description: str, default: Any = _REQUIRED) -> Parameter:
    """Describe a whole number."""
    return Parameter(name, {"type": "integer", "description": description}, default)


def flag(name: str, description: str, default: Any = _REQUIRED) -> Parameter:
    """Describe a yes or no."""
    return Parameter(name, {"type": "boolean", "description": description}, default)


def array(name: str, description: str, items: Json, default: Any = _REQUIRED) -> Parameter:
    """Describe a list; `items` is the schema of its items."""
    return Parameter(name, {"type": "array", "description": description, "items": items}, default)


class Arguments:
    """The arguments of one call, converted to the types that the tool expects."""

    def __init__(self, values: Json, parameters: Sequence[Parameter]) -> None:
        self._values = values
        self._parameters = {parameter.name: parameter for parameter in parameters}

    def value(self, name: str) -> Any:
        """Return an argument as it is, or its default.

        Raises:
            ToolError: it is missing.
        """
        value = self._values.get(name)
        if value is not None:
            return value
        default = self._parameters[name].default
        if default is _REQUIRED:
            raise ToolError(f"missing a required argument: '{name}'")
        return default

    def is_absent(self, name: str) -> bool:
        """Return whether an argument is missing or null."""
        return self._values.get(name) is None

    def has_null(self, name: str) -> bool:
        """Return whether an argument is there, and null."""
        return name in self._values and self._values[name] is None

    def text(self, name: str) -> str:
        """Return a text; an absent one without a default is empty."""
        value = self.value(name)
        return "" if value is None else str(value)

    def optional_text(self, name: str) -> str | None:
        """Return a text, or None where it is absent or empty."""
        return self.text(name) or None

    def integer(self, name: str) -> int:
        """Return a whole number.

        Raises:
            ToolError: it has another type.
        """
        value = self.value(name)
        try:
            return int(value)
        except (TypeError, ValueError, OverflowError):
            raise ToolError(f"'{name}' must be a whole number") from None

    def optional_integer(self, name: str) -> int | None:
        """Return a whole number, or None where it is absent."""
        return None if self.value(name) is None else self.integer(name)

    def flag(self, name: str) -> bool:
        """Return a yes or no; texts such as "false" count as what they say."""
        value = self.value(name)
        return value.strip().lower() in ("true", "1", "yes") if isinstance(value, str) else bool(value)

    def array(self, name: str) -> list[Any]:
        """Return a list; one that comes as JSON text is decoded.

        Raises:
            ToolError: it has another type.
        """
        value = self.value(name)
        if isinstance(value, str):
            try:
                value = msgspec.json.decode(value)
            except msgspec.DecodeError:
                value = None
        if not isinstance(value, list):
            raise ToolError(f"'{name}' must be a list")
        return value

    def optional_array(self, name: str) -> list[Any] | None:
        """Return a list, or None where it is absent.

        Raises:
            ToolError: it has another type.
        """
        return None if self.value(name) is None else self.array(name)


RunTool = Callable[[Arguments, ToolCallContext], Awaitable[Any]]


class BuiltinTool(OfferedTool):
    """A tool of this server. What its function returns becomes JSON, unless it is text."""

    kind = "builtin"

    def __init__(
        self,
        name: str,
        description: str,
        parameters: Sequence[Parameter],
        function: RunTool,
        *,
        list_sources: ListSources | None = None,
        runs_in_parallel: bool = False,
    ) -> None:
        spec = {"name": name, "description": description, "parameters": build_schema(parameters)}
        super().__init__(name=name, spec=spec, tool_id=f"builtin:{name}")
        self._parameters = parameters
        self._function = function
        self._list_sources = list_sources
        self.runs_in_parallel = runs_in_parallel

    async def run(self, arguments: Json, context: ToolCallContext) -> RawResult:
        try:
            value = await self._function(Arguments(arguments, self._parameters), context)
        except (ToolError, HttpError) as error:
            value = {"error": str(error.detail if isinstance(error, HttpError) else error)}
        if isinstance(value, RawResult):
            return value
        return RawResult(value if isinstance(value, str) else msgspec.json.encode(value).decode())

    def list_sources(self, arguments: Json, content: str) -> list[Json]:
        return self._list_sources(arguments, content) if self._list_sources is not None else []


def build_schema(parameters: Sequence[Parameter]) -> Json:
    """Return the JSON schema of parameters."""
    properties = {
        parameter.name: parameter.schema
        if parameter.default is _REQUIRED or parameter.default is None
        else {**parameter.schema, "default": parameter.default}
        for parameter in parameters
    }
    schema: Json = {"type": "object", "properties": properties}
    required = [parameter.name for parameter in parameters if parameter.default is _REQUIRED]
    return {**schema, "required": required} if required else schema


class BuiltinGroup(ABC):
    """The tools of one category.

    Attributes:
        category: its name in a model's `builtinTools`.
        has_fixed_tools: whether it lists the same tools for every turn: they are made once.
    """

    category: str
    has_fixed_tools = False

    @abstractmethod
    async def is_available(self, turn: Turn, conditions: OfferConditions) -> bool:
        """Return whether the group is offered in a turn, beyond what `conditions` say of its category."""

    @abstractmethod
    async def list_tools(self, turn: Turn, conditions: OfferConditions) -> list[BuiltinTool]:
        """Return the tools of the group, in their order."""
