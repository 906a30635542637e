"""The providers of tools, in the order in which they are asked."""

from __future__ import annotations

import aiohttp

from fastback.access.permissions import Permissions
from fastback.completions.automations.timers import Timers
from fastback.completions.background_subagents import BackgroundSubagents
from fastback.completions.plugins.page_calls import PageCalls
from fastback.completions.plugins.plugin_turns import PluginTurns
from fastback.completions.sources.item_lookup import ItemLookup
from fastback.completions.subagents import Subagents
from fastback.completions.tools.builtin.automation_tools import AutomationTools
from fastback.completions.tools.builtin.builtin_tool import BuiltinGroup
from fastback.completions.tools.builtin.calendar_tools import CalendarTools
from fastback.completions.tools.builtin.channel_tools import ChannelTools
from fastback.completions.tools.builtin.chat_tools import ChatTools
from fastback.completions.tools.builtin.code_tools import CodeTools
from fastback.completions.tools.builtin.gesture_tools import GestureTools
from fastback.completions.tools.builtin.image_tools import ImageTools
from fastback.completions.tools.builtin.knowledge.attached_items import AttachedKnowledge
from fastback.completions.tools.builtin.knowledge.setup import build_file_groups
from fastback.completions.tools.builtin.memory_tools import MemoryTools
from fastback.completions.tools.builtin.note_tools import NoteTools
from fastback.completions.tools.builtin.notification_tools import NotificationTools
from fastback.completions.tools.builtin.provider import BuiltinTools
from fastback.completions.tools.builtin.question_tools import QuestionTools
from fastback.completions.tools.builtin.skill_authoring import SkillAuthoring
from fastback.completions.tools.builtin.skill_tools import SkillTools
from fastback.completions.tools.builtin.subagent_tools import SubagentTools
from fastback.completions.tools.builtin.task_tools import TaskTools
from fastback.completions.tools.builtin.time_tools import TimeTools
from fastback.completions.tools.builtin.timer_tools import TimerTools
from fastback.completions.tools.builtin.web_tools import WebTools
from fastback.completions.tools.code_runner import CodeRunner
from fastback.completions.tools.mcp_results import McpResults
from fastback.completions.tools.mcp_tools import McpTools
from fastback.completions.tools.offered_tool import ToolProvider
from fastback.completions.tools.python_tools import PythonTools
from fastback.completions.tools.result_files import ResultFiles
from fastback.completions.tools.servers.direct_tools import DirectTools
from fastback.completions.tools.servers.openapi_tools import OpenApiTools
from fastback.completions.tools.servers.page_terminals import PageTerminals
from fastback.completions.tools.servers.server_calls import ServerCaller
from fastback.completions.tools.servers.terminal_skills import TerminalSkills
from fastback.completions.tools.servers.terminal_tools import TerminalTools
from fastback.config import Config
from fastback.features.automations.access import AutomationAccess
from fastback.features.automations.service import AutomationService
from fastback.features.calendars.events.listing import EventListing
from fastback.features.calendars.events.service import EventService
from fastback.features.calendars.service import CalendarService
from fastback.features.channels.access import ChannelAccess
from fastback.features.channels.messages.reader import MessageReader
from fastback.features.channels.search import MessageSearch
from fastback.features.chats.search.service import ChatSearch
from fastback.features.images.service import ImageService
from fastback.features.memories.service import MemoryService
from fastback.features.notes.service import NoteService
from fastback.features.notifications.delivery import NotificationDelivery
from fastback.features.plugins.valves import ValveStore
from fastback.features.retrieval.web_search import WebSearchService
from fastback.features.terminals.tool_servers import TerminalToolServers
from fastback.features.tools.mcp_servers import McpServers
from fastback.features.tools.servers import ToolServerRegistry
from fastback.kit.bus import Bus
from fastback.kit.db import Database
from fastback.kit.services import Services
from fastback.plugins.host import PluginHost
from fastback.providers.server_access import ServerHeaders
from fastback.records.access import RecordAccess
from fastback.retrieval.web.pages import PageReader
from fastback.retrieval.web.search import WebSearch
from fastback.settings import Settings


def list_tool_providers(services: Services) -> list[ToolProvider]:
    """Build the providers. Of two tools with one name, that of the earlier provider keeps it."""
    settings = services.get(Settings)
    caller = ServerCaller(services.get(aiohttp.ClientSession), settings)
    return [
        PythonTools(
            access=services.get(RecordAccess),
            host=services.get(PluginHost),
            turns=services.get(PluginTurns),
            valves=services.get(ValveStore),
            enabled=settings.enable_tools,
        ),
        OpenApiTools(
            registry=services.get(ToolServerRegistry),
            permissions=services.get(Permissions),
            headers=services.get(ServerHeaders),
            caller=caller,
            files=services.get(ResultFiles),
            settings=settings,
        ),
        McpTools(
            servers=services.get(McpServers),
            results=McpResults(services.get(ResultFiles)),
            permissions=services.get(Permissions),
            headers=services.get(ServerHeaders),
            settings=settings,
        ),
        TerminalTools(
            terminals=services.get(TerminalToolServers),
            permissions=services.get(Permissions),
            page_calls=services.get(PageCalls),
            caller=caller,
            files=services.get(ResultFiles),
            enabled=settings.enable_tool_servers,
        ),
        DirectTools(
            terminals=services.get(PageTerminals),
            permissions=services.get(Permissions),
            page_calls=services.get(PageCalls),
        ),
        services.get(BuiltinTools),
    ]


def build_builtin_tools(services: Services) -> BuiltinTools:
    """Build the groups of built-in tools, in the order in which models get them."""
    db, config = services.get(Database), services.get(Config)
    groups: list[BuiltinGroup] = [
        GestureTools(services.get(PageCalls)),
        TimeTools(db),
        QuestionTools(services.get(PageCalls)),
        *build_file_groups(services),
        ChatTools(db, services.get(ChatSearch)),
        SubagentTools(config, services.get(Subagents), services.get(BackgroundSubagents)),
        TimerTools(config, services.get(Timers)),
        MemoryTools(config, services.get(MemoryService)),
        WebTools(
            config=config,
            service=services.get(WebSearchService),
            search=services.get(WebSearch),
            pages=services.get(PageReader),
        ),
        ImageTools(services.get(ImageService)),
        CodeTools(services.get(CodeRunner)),
        NoteTools(config, services.get(NoteService)),
        ChannelTools(
            db=db,
            config=config,
            access=services.get(ChannelAccess),
            reader=services.get(MessageReader),
            search=services.get(MessageSearch),
        ),
        SkillTools(config, services.get(RecordAccess), services.get(TerminalSkills)),
        SkillAuthoring(services.get(RecordAccess), services.get(Bus)),
        TaskTools(db),
        AutomationTools(db, services.get(AutomationAccess), services.get(AutomationService)),
        CalendarTools(
            config=config,
            db=db,
            calendars=services.get(CalendarService),
            events=services.get(EventService),
            listing=services.get(EventListing),
        ),
        NotificationTools(config, services.get(NotificationDelivery)),
    ]
    return BuiltinTools(
        groups=groups,
        permissions=services.get(Permissions),
        knowledge=AttachedKnowledge(services.get(ItemLookup)),
    )
