"""The providers of tools, in the order in which they are asked."""

from __future__ import annotations

from fastback.completions.plugins.plugin_turns import PluginTurns
from fastback.completions.tools.offered_tool import ToolProvider
from fastback.completions.tools.python_tools import PythonTools
from fastback.features.plugins.valves import ValveStore
from fastback.kit.services import Services
from fastback.plugins.host import PluginHost
from fastback.records.access import RecordAccess
from fastback.settings import Settings


def list_tool_providers(services: Services) -> list[ToolProvider]:
    """Build the providers. Of two tools with one name, that of the earlier provider keeps it."""
    settings = services.get(Settings)
    return [
        PythonTools(
            access=services.get(RecordAccess),
            host=services.get(PluginHost),
            turns=services.get(PluginTurns),
            valves=services.get(ValveStore),
            enabled=settings.enable_tools,
        ),
    ]
