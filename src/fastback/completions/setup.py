"""Build what chat turns work with: the pipeline, its stages, the sinks of the page."""

from __future__ import annotations

from fastback.access.events import UserDeleted
from fastback.access.grants import Grants
from fastback.access.identity import IdentityResolver
from fastback.access.permissions import Permissions
from fastback.completions import background_run_store
from fastback.completions.answer_images import AnswerImages
from fastback.completions.background_subagents import BackgroundSubagents
from fastback.completions.compaction import Compactor
from fastback.completions.doors import routes
from fastback.completions.doors.websocket import ChatSocket
from fastback.completions.doors.websocket_session import ChatSocketServices
from fastback.completions.page_turns import PageTurns
from fastback.completions.plugins.filter_chain import FilterChain
from fastback.completions.plugins.model_choice import ModelChoice
from fastback.completions.plugins.outlet_filters import OutletFilters
from fastback.completions.plugins.page_calls import PageCalls
from fastback.completions.plugins.plugin_turns import PluginTurns
from fastback.completions.plugins.setup import add_plugin_completions, add_plugin_services, build_model_call
from fastback.completions.question_placement import QuestionPlacement
from fastback.completions.sinks.answer_storage import AnswerStorage
from fastback.completions.sinks.page import PageServices
from fastback.completions.sources.external_sources import ExternalSources
from fastback.completions.sources.item_lookup import ItemLookup
from fastback.completions.sources.readings import ReadingPlanner
from fastback.completions.sources.resolver import SourceResolver
from fastback.completions.stages.admission import Admission
from fastback.completions.stages.base_model import BaseModelStage
from fastback.completions.stages.code_interpreter import CodeInterpreterStage
from fastback.completions.stages.code_prompt import CodePromptStage
from fastback.completions.stages.compaction import CompactionStage
from fastback.completions.stages.conversation import ConversationStage
from fastback.completions.stages.follow_ups import FollowUpsStage
from fastback.completions.stages.image_inlining import ImageInliningStage
from fastback.completions.stages.inlet_filters import InletFiltersStage
from fastback.completions.stages.legacy_calls import LegacyCallsStage
from fastback.completions.stages.memories import MemoriesStage
from fastback.completions.stages.memory_review import MemoryReviewStage
from fastback.completions.stages.normalization import NormalizationStage
from fastback.completions.stages.offered_tools import OfferedToolsStage
from fastback.completions.stages.outlet_filters import OutletFiltersStage
from fastback.completions.stages.parameters import ParametersStage
from fastback.completions.stages.payload import PayloadStage
from fastback.completions.stages.persistence import PersistenceStage
from fastback.completions.stages.resumed_calls import ResumedCallsStage
from fastback.completions.stages.skill_creation import SkillCreationStage
from fastback.completions.stages.skills import SkillsStage
from fastback.completions.stages.sources import SourcesStage
from fastback.completions.stages.system_prompts import SystemPromptsStage
from fastback.completions.stages.unavailable import UnavailableStage
from fastback.completions.stages.voice_prompt import VoicePromptStage
from fastback.completions.stages.web_search import WebSearchStage
from fastback.completions.subagents import Subagents
from fastback.completions.tasks.generations import Generations
from fastback.completions.tasks.memory_review import MemoryReviewer
from fastback.completions.tasks.task_requests import TaskRequests
from fastback.completions.tools.approval import ToolApproval
from fastback.completions.tools.builtin.provider import BuiltinTools
from fastback.completions.tools.call_execution import CallExecutor
from fastback.completions.tools.code_rounds import CodeRounds
from fastback.completions.tools.code_runner import CodeRunner
from fastback.completions.tools.loop import ToolLoop
from fastback.completions.tools.plugin_tool_calls import PluginToolCalls
from fastback.completions.tools.providers import build_builtin_tools, list_tool_providers
from fastback.completions.tools.result_files import ResultFiles
from fastback.completions.tools.servers.page_terminals import PageTerminals
from fastback.completions.tools.servers.terminal_skills import TerminalSkills
from fastback.completions.tools.tool_search import ToolSearch
from fastback.completions.turn_pipeline import Stage, TurnPipeline
from fastback.config import Config
from fastback.features.chats.access import ChatAccess
from fastback.features.chats.messages import left_over_answers
from fastback.features.chats.messages.context_usage import ContextUsage
from fastback.features.chats.messages.running_answers import RunningAnswers
from fastback.features.chats.service import ChatService
from fastback.features.chats.turn_events import ChatWatchers
from fastback.features.files.access import FileAccess
from fastback.features.files.uploads import UploadService
from fastback.features.folders.readable_entries import ReadableEntries
from fastback.features.knowledge.external_connections import ExternalConnections
from fastback.features.memories.recall import MemoryRecall
from fastback.features.memories.service import MemoryService
from fastback.features.retrieval.collection_access import CollectionAccess
from fastback.features.retrieval.web_search import WebSearchService
from fastback.features.terminals.tool_servers import TerminalToolServers
from fastback.kit.bus import Bus
from fastback.kit.db import Database
from fastback.kit.http.connection_limits import ConnectionLimits
from fastback.kit.services import Component, Services
from fastback.kit.storage import Storage
from fastback.kit.tasks import Tasks
from fastback.plugins.methods import HostMethods
from fastback.providers.client import ModelClient
from fastback.providers.model_resolution import ModelResolver
from fastback.providers.registry import ModelRegistry
from fastback.records.access import RecordAccess
from fastback.retrieval.external.search import ExternalSearch
from fastback.retrieval.search.retriever import Retriever
from fastback.retrieval.web.pages import PageReader
from fastback.settings import Settings


async def set_up(services: Services) -> None:
    """Add the pipeline, what its entrances use, and recover answers that a killed process left unfinished."""
    is_only_process = services.get(Settings).websocket_manager != "redis"
    _add_generations(services)
    _add_answer_storage(services)
    add_plugin_services(services)
    _add_image_inlining(services)
    _add_sources(services)
    _add_tool_services(services)
    pipeline = TurnPipeline(
        stages=_build_stages(services),
        model_call=build_model_call(services),
        tool_loop=ToolLoop(
            executor=services.get(CallExecutor),
            approval=services.get(ToolApproval),
            code=CodeRounds(services.get(CodeRunner)),
            images=services.get(ImageInliningStage),
            max_rounds=services.get(Settings).chat_response_max_tool_call_iterations,
        ),
        plugin_turns=services.get(PluginTurns),
        tasks=services.get(Tasks),
    )
    services.add(TurnPipeline, pipeline)
    add_plugin_completions(services)
    PluginToolCalls(turns=services.get(PluginTurns), methods=services.get(HostMethods))
    _add_page_turns(services, pipeline, is_only_process=is_only_process)
    _add_chat_socket(services, pipeline)
    if is_only_process:  # otherwise another process may be in the middle of an answer
        await left_over_answers.start_recovery(services.get(Database), services.get(Tasks))
        await services.get(BackgroundSubagents).start_recovery()


def _add_generations(services: Services) -> None:
    """Add what asks a model besides the answer: generations, compaction."""
    db, config = services.get(Database), services.get(Config)
    registry, resolver, client = services.get(ModelRegistry), services.get(ModelResolver), services.get(ModelClient)
    generations = Generations(db=db, config=config, registry=registry, resolver=resolver, client=client)
    task_requests = TaskRequests(db=db, config=config, registry=registry, resolver=resolver, client=client)
    compactor = Compactor(
        db=db,
        config=config,
        registry=registry,
        resolver=resolver,
        client=client,
        context_usage=services.get(ContextUsage),
    )
    services.add(Generations, generations)
    services.add(TaskRequests, task_requests)
    services.add(Compactor, compactor)
    services.add(Admission, Admission(registry=registry, resolver=resolver, tasks=services.get(Tasks)))


def _add_answer_storage(services: Services) -> None:
    settings = services.get(Settings)
    storage = AnswerStorage(
        db=services.get(Database),
        bus=services.get(Bus),
        tasks=services.get(Tasks),
        running_answers=services.get(RunningAnswers),
        retry_seconds=settings.fastback_answer_retry_seconds,
    )
    services.add(AnswerStorage, storage)


def _add_tool_services(services: Services) -> None:
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
    """Add what runs subagents; they run turns, which come later."""
    db, config = services.get(Database), services.get(Config)
    subagents = Subagents(db, config)
    services.add(Subagents, subagents)
    background = BackgroundSubagents(
        db=db, config=config, tasks=services.get(Tasks), bus=services.get(Bus), subagents=subagents
    )
    services.add(BackgroundSubagents, background)
    services.get(Bus).subscribe(UserDeleted, lambda event: background_run_store.delete_runs_of_user(db, event.user_id))


def _add_image_inlining(services: Services) -> None:
    stage = ImageInliningStage(
        db=services.get(Database),
        storage=services.get(Storage),
        access=services.get(FileAccess),
        fetcher=services.get(PageReader).fetcher,
        guesses_by_extension=services.get(Settings).enable_image_content_type_extension_fallback,
    )
    services.add(ImageInliningStage, stage)


def _build_stages(services: Services) -> tuple[Stage, ...]:
    """Build every stage; `completions.turn_pipeline` has their order."""
    db, bus, tasks = services.get(Database), services.get(Bus), services.get(Tasks)
    config, settings = services.get(Config), services.get(Settings)
    generations, memories = services.get(Generations), services.get(MemoryService)
    reviewer = MemoryReviewer(config=config, client=services.get(ModelClient), memories=memories)
    return (
        services.get(Admission),
        ParametersStage(config),
        BaseModelStage(services.get(ModelResolver)),
        ConversationStage(db, services.get(RunningAnswers)),
        CompactionStage(services.get(Compactor)),
        SystemPromptsStage(
            db=db,
            config=config,
            permissions=services.get(Permissions),
            chat_access=services.get(ChatAccess),
        ),
        PayloadStage(),
        InletFiltersStage(chain=services.get(FilterChain), model_choice=services.get(ModelChoice)),
        UnavailableStage(),
        services.get(BuiltinTools),
        VoicePromptStage(config),
        MemoriesStage(MemoryRecall(config, memories)),
        WebSearchStage(config=config, results=services.get(WebSearchService), generations=generations),
        CodeInterpreterStage(config=config, permissions=services.get(Permissions), runner=services.get(CodeRunner)),
        SkillCreationStage(db, services.get(Permissions)),
        SkillsStage(services.get(RecordAccess), config, services.get(TerminalSkills)),
        SourcesStage(config=config, settings=settings, resolver=_build_source_resolver(services)),
        CodePromptStage(config),
        services.get(ImageInliningStage),
        services.get(OfferedToolsStage),
        LegacyCallsStage(
            config=config,
            offered_tools=services.get(OfferedToolsStage),
            executor=services.get(CallExecutor),
            generations=generations,
        ),
        ResumedCallsStage(
            executor=services.get(CallExecutor),
            approval=services.get(ToolApproval),
            chain=services.get(FilterChain),
        ),
        NormalizationStage(),
        PersistenceStage(),
        OutletFiltersStage(services.get(OutletFilters)),
        FollowUpsStage(db=db, bus=bus, generations=generations),
        MemoryReviewStage(db=db, tasks=tasks, reviewer=reviewer),
    )


def _add_sources(services: Services) -> None:
    """Add what reads the items of questions, for the prompt and for tools."""
    db, files = services.get(Database), services.get(FileAccess)
    lookup = ItemLookup(
        db=db,
        grants=services.get(Grants),
        chat_access=services.get(ChatAccess),
        files=files,
        folder_files=ReadableEntries(db, services.get(Permissions), files),
    )
    external_sources = ExternalSources(
        pages=services.get(PageReader),
        search=services.get(ExternalSearch),
        connections=services.get(ExternalConnections),
    )
    services.add(ItemLookup, lookup)
    services.add(ExternalSources, external_sources)


def _build_source_resolver(services: Services) -> SourceResolver:
    db = services.get(Database)
    planner = ReadingPlanner(
        db=db,
        lookup=services.get(ItemLookup),
        collections=services.get(CollectionAccess),
        settings=services.get(Settings),
    )
    return SourceResolver(
        db=db,
        config=services.get(Config),
        planner=planner,
        external_sources=services.get(ExternalSources),
        retriever=services.get(Retriever),
        generations=services.get(Generations),
    )


def _add_page_turns(services: Services, pipeline: TurnPipeline, *, is_only_process: bool) -> None:
    """Add the turns of the page; those of a user who is deleted are stopped."""
    db, bus = services.get(Database), services.get(Bus)
    watchers, settings = services.get(ChatWatchers), services.get(Settings)
    page_services = PageServices(
        bus=bus,
        tasks=services.get(Tasks),
        watchers=watchers,
        storage=services.get(AnswerStorage),
        images=_build_answer_images(services),
        min_chunks=settings.chat_response_stream_delta_chunk_size,
    )
    placement = QuestionPlacement(
        db=db,
        bus=bus,
        chats=services.get(ChatService),
        chat_access=services.get(ChatAccess),
        files=services.get(FileAccess),
    )
    services.add(QuestionPlacement, placement)
    page_turns = PageTurns(
        db=db,
        pipeline=pipeline,
        services=page_services,
        admission=services.get(Admission),
        placement=placement,
        generations=services.get(Generations),
        is_only_process=is_only_process,
    )
    services.add(PageTurns, page_turns)
    services.get(Subagents).connect(page_turns.run_subagent)
    services.get(BackgroundSubagents).connect(page_turns.start)
    bus.subscribe(UserDeleted, lambda event: page_turns.stop_tasks_of_user(event.user_id))


def _add_chat_socket(services: Services, pipeline: TurnPipeline) -> None:
    """Add the endpoint of `/api/ws/chat`."""
    socket_services = ChatSocketServices(
        pipeline=pipeline,
        admission=services.get(Admission),
        placement=services.get(QuestionPlacement),
        storage=services.get(AnswerStorage),
    )
    chat_socket = ChatSocket(
        identities=services.get(IdentityResolver),
        services=socket_services,
        limits=services.get(ConnectionLimits),
        settings=services.get(Settings),
    )
    services.add(ChatSocket, chat_socket)


def _build_answer_images(services: Services) -> AnswerImages | None:
    """Return what stores images of an answer's text as files; None where the settings leave them in the text."""
    settings = services.get(Settings)
    if not settings.enable_chat_response_base64_image_url_conversion:
        return None
    return AnswerImages(services.get(Database), services.get(UploadService), services.get(FileAccess))


COMPONENT = Component(
    name="completions", routers=routes.routers, setup=set_up, tables=(background_run_store.CREATE_TABLE,)
)
