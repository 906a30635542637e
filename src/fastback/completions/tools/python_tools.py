"""Tools in Python: methods of plugins, which run in the plugin process."""

from __future__ import annotations

import logging
from typing import Any

import msgspec

from fastback.completions.plugins.plugin_turns import PluginTurns
from fastback.completions.stages.offered_tools import list_tool_ids
from fastback.completions.tools.offered_tool import OfferedTool, RawResult, ToolCallContext, ToolError
from fastback.completions.turn import Turn
from fastback.features.plugins.valves import ValveStore
from fastback.features.tools import store
from fastback.kit.http.errors import BadRequest
from fastback.kit.plugin_source import get_version
from fastback.kit.rpc.errors import RemoteFailure
from fastback.plugins.host import PluginHost, PluginKey, PluginProcessGone
from fastback.records.access import RecordAccess

log = logging.getLogger("fastback.plugins")

Json = dict[str, Any]


class PythonTool(OfferedTool):
    """One method of a plugin."""

    kind = "python"

    def __init__(
        self, *, host: PluginHost, turns: PluginTurns, reference: Json, method: str, spec: Json, handles_files: bool
    ) -> None:
        super().__init__(name=method, spec=spec, tool_id=reference["id"])
        self.handles_files = handles_files
        self._host = host
        self._turns = turns
        self._reference = reference
        self._method = method

    async def run(self, arguments: Json, context: ToolCallContext) -> RawResult:
        try:
            result = await self._host.call(
                "tools.run",
                plugins=[PluginKey("tool", self.tool_id)],
                turn_id=await self._turns.require(context.turn),
                tool=self._reference,
                method=self._method,
                arguments=arguments,
                messages=context.messages,
                for_model=context.for_model,
            )
        except (RemoteFailure, PluginProcessGone) as error:
            raise ToolError(str(error)) from None
        return msgspec.convert(result, RawResult)


class PythonTools:
    """List the methods of the plugins that a request names."""

    def __init__(
        self, *, access: RecordAccess, host: PluginHost, turns: PluginTurns, valves: ValveStore, enabled: bool
    ) -> None:
        self._access = access
        self._host = host
        self._turns = turns
        self._valves = valves
        self._enabled = enabled

    async def list_tools(self, turn: Turn) -> list[OfferedTool]:
        """Return the methods of the plugins that the user may use.

        Raises:
            BadRequest: a plugin does not load, or rejects its valves.
        """
        tool_ids = [tool_id for tool_id in list_tool_ids(turn) if not tool_id.startswith("server:")]
        if not tool_ids or not self._enabled:
            return []
        rows = [row for tool_id in dict.fromkeys(tool_ids) if (row := await self._find_readable(tool_id, turn))]
        if not rows:
            return []
        references = [
            {"id": row.id, "version": get_version(row.content or ""), "valves": self._valves.decode_column(row.valves)}
            for row in rows
        ]
        try:
            described = await self._host.call(
                "tools.describe",
                plugins=[PluginKey("tool", row.id) for row in rows],
                turn_id=await self._turns.require(turn),
                tools=references,
            )
        except (RemoteFailure, PluginProcessGone) as error:
            raise BadRequest(str(error)) from None
        tools: list[OfferedTool] = []
        for row, reference, description in zip(rows, references, described, strict=True):
            specs = {spec["name"]: spec for spec in msgspec.json.decode(row.specs, type=list[Json])}
            for method, text in description["descriptions"].items():
                if method in specs:
                    tools.append(
                        PythonTool(
                            host=self._host,
                            turns=self._turns,
                            reference=reference,
                            method=method,
                            spec=_clean_spec(specs[method], text),
                            handles_files=description["file_handler"],
                        )
                    )
        return tools

    async def _find_readable(self, tool_id: str, turn: Turn) -> store.Tool | None:
        row = await store.find_tool(self._access.db, tool_id)
        if row is None:
            return None
        if not await self._access.is_allowed_or_admin(turn.user, "tool", row, "read"):
            log.warning("tool %s skipped: user %s may not use it", tool_id, turn.user.id)
            return None
        return row


def _clean_spec(spec: Json, description: str) -> Json:
    """Return a stored specification as models get it: without the parameters that the server fills in."""
    parameters = dict(spec.get("parameters") or {})
    properties = parameters.get("properties") or {}
    parameters["properties"] = {
        name: {**schema, "type": "string"} if isinstance(schema, dict) and schema.get("type") == "str" else schema
        for name, schema in properties.items()
        if not name.startswith("__")
    }
    return {**spec, "parameters": parameters, "description": description}
