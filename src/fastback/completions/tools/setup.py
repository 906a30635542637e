"""Build what offers tools, and what runs their calls, code and subagents."""

from __future__ import annotations

from fastback.access.events import UserDeleted
from fastback.access.permissions import Permissions
from fastback.completions import background_run_store
from fastback.completions.automations.timers import Timers
from fastback.completions.background_subagents import BackgroundSubagents
from fastback.completions.plugins.page_calls import PageCalls
from fastback.completions.stages.image_inlining import ImageInliningStage
from fastback.completions.stages.offered_tools import OfferedToolsStage
from fastback.completions.subagents import Subagents
from fastback.completions.tools.approval import ToolApproval
from fastback.completions.tools.builtin.provider import BuiltinTools
from fastback.completions.tools.call_execution import CallExecutor
from fastback.completions.tools.code_rounds import CodeRounds
from fastback.completions.tools.code_runner import CodeRunner
from fastback.completions.tools.loop import ToolLoop
from fastback.completions.tools.providers import build_builtin_tools, list_tool_providers
from fastback.completions.tools.result_files import ResultFiles
from fastback.completions.tools.servers.page_terminals import PageTerminals
from fastback.completions.tools.servers.terminal_skills import TerminalSkills
from fastback.completions.tools.tool_search import ToolSearch
from fastback.config import Config
from fastback.features.files.uploads import UploadService
from fastback.features.nodes.nodes import Nodes
from fastback.features.terminals.tool_servers import TerminalToolServers
from fastback.kit.bus import Bus
from fastback.kit.cluster import Cluster
from fastback.kit.db import Database
from fastback.kit.services import Services
from fastback.kit.tasks import Tasks
from fastback.settings import Settings


def add_tool_services(services: Services) -> None:
    """Add what offers tools and runs their calls."""
    approval = ToolApproval(db=services.get(Database), page_calls=services.get(PageCalls))
    services.add(ToolApproval, approval)
    files = ResultFiles(services.get(UploadService))
    services.add(ResultFiles, files)
    runner = CodeRunner(
        config=services.get(Config),
        settings=services.get(Settings),
        page_calls=services.get(PageCalls),
        files=files,
    )
    services.add(CodeRunner, runner)
    _add_terminal_skills(services)
    _add_subagents(services)
    services.add(BuiltinTools, build_builtin_tools(services))
    services.add(CallExecutor, CallExecutor(files=files, approval=approval))
    defers = services.get(Settings).fastback_defer_builtin_tools
    search = ToolSearch(services.get(Config), defers_builtin_tools=defers)
    services.add(OfferedToolsStage, OfferedToolsStage(providers=list_tool_providers(services), search=search))


def _add_terminal_skills(services: Services) -> None:
    settings, permissions = services.get(Settings), services.get(Permissions)
    page_terminals = PageTerminals(
        config=services.get(Config), settings=settings, permissions=permissions, page_calls=services.get(PageCalls)
    )
    services.add(PageTerminals, page_terminals)
    skills = TerminalSkills(
        terminals=services.get(TerminalToolServers),
        page_terminals=page_terminals,
        permissions=permissions,
        enabled=settings.enable_tool_servers,
    )
    services.add(TerminalSkills, skills)


def _add_subagents(services: Services) -> None:
    """Add what runs subagents, and what sets timers; they run turns, which come later."""
    db, config = services.get(Database), services.get(Config)
    subagents = Subagents(db, config)
    services.add(Subagents, subagents)
    background = BackgroundSubagents(
        db=db,
        config=config,
        tasks=services.get(Tasks),
        bus=services.get(Bus),
        subagents=subagents,
        nodes=services.get(Nodes),
        cluster=services.get(Cluster),
    )
    services.add(BackgroundSubagents, background)
    services.add(Timers, Timers(db, services.get(Bus)))
    services.get(Bus).subscribe(UserDeleted, lambda event: background_run_store.delete_runs_of_user(db, event.user_id))


def build_tool_loop(services: Services) -> ToolLoop:
    return ToolLoop(
        executor=services.get(CallExecutor),
        approval=services.get(ToolApproval),
        code=CodeRounds(services.get(CodeRunner)),
        images=services.get(ImageInliningStage),
        max_rounds=services.get(Settings).chat_response_max_tool_call_iterations,
    )
