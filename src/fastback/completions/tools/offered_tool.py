"""A tool that a turn offers to its model, whatever runs it: a plugin, this server, another server, the page."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Protocol

import msgspec

from fastback.completions.turn import Message, Turn

Json = dict[str, Any]


class RawResult(msgspec.Struct):
    """What a tool has returned.

    Attributes:
        value: for the model: a text, or any JSON value.
        embeds: for the page, which shows them inside the answer: HTML, or an address.
        files: for the page, `{type, url, …}` each; images are for the model, too. `data:` URLs are stored as files.
    """

    value: Any = None
    embeds: list[str] = []
    files: list[Json] = []


class ToolCallContext(msgspec.Struct, frozen=True):
    """The circumstances of one call: its turn, its id, and the messages that the model has seen.

    `for_model` says that a model reads the result; otherwise a plugin does, and a large value may be packed for it.
    """

    turn: Turn
    call_id: str
    messages: list[Message]
    for_model: bool = True


class OfferedTool(ABC):
    """One tool.

    Attributes:
        name: by which the model calls it; at most 64 characters.
        spec: `{"name", "description", "parameters"}`; parameters are a JSON schema.
        tool_id: what it belongs to: the id of a plugin, `server:…`, `terminal:…`, `builtin:…`.
        kind: `python`, `builtin`, `openapi`, `mcp`, `terminal` or `direct`.
        checks_arguments: whether it checks its arguments itself; otherwise unknown ones are dropped.
        runs_in_parallel: whether it runs beside other calls of the same answer.
        handles_files: whether it handles the files of the question itself.
        replaces_namesakes: whether it takes the place of an earlier tool with its name; otherwise it is renamed.
        prefix: goes before its name where it is renamed.
    """

    kind = "python"
    checks_arguments = False
    runs_in_parallel = False
    handles_files = False
    replaces_namesakes = False

    def __init__(self, *, name: str, spec: Json, tool_id: str, prefix: str = "") -> None:
        self.name = name
        self.spec = {**spec, "name": name}
        self.tool_id = tool_id
        self.prefix = prefix or tool_id

    def rename(self, name: str) -> None:
        """Give it another name, where two tools have the same."""
        self.name = name
        self.spec = {**self.spec, "name": name}

    def select_arguments(self, arguments: Json) -> Json:
        """Return the arguments that the tool takes."""
        if self.checks_arguments:
            return arguments
        parameters = self.spec.get("parameters")
        properties = parameters.get("properties") if isinstance(parameters, dict) else None
        known_names = properties if isinstance(properties, dict) else {}
        return {name: value for name, value in arguments.items() if name in known_names}

    def list_sources(self, arguments: Json, content: str) -> list[Json]:
        """Return the sources of a result that the page shows below the answer: `{source, document, metadata}`."""
        return []

    def list_page_events(self, arguments: Json, content: str) -> list[Json]:
        """Return events for the page after a call, `{type, data}` each; `content` is what the model reads."""
        return []

    @abstractmethod
    async def run(self, arguments: Json, context: ToolCallContext) -> RawResult:
        """Run it.

        Raises:
            ToolError: it failed; the text is for the model.
        """


class ToolError(Exception):
    """A tool failed; the text is for the model."""


class ToolProvider(Protocol):
    """Lists the tools of one kind."""

    async def list_tools(self, turn: Turn) -> list[OfferedTool]:
        """Return the tools that a turn offers; may add to the turn's messages what the model must know of them.

        Raises:
            HttpError: a tool makes the turn impossible. One that is only unavailable is left out.
        """
        ...
