"""Build the stages of turns."""

from __future__ import annotations

from fastback.access.permissions import Permissions
from fastback.completions.compaction import Compactor
from fastback.completions.plugins.filter_chain import FilterChain
from fastback.completions.plugins.model_choice import ModelChoice
from fastback.completions.plugins.outlet_filters import OutletFilters
from fastback.completions.sources.setup import build_source_resolver
from fastback.completions.stages.admission import Admission
from fastback.completions.stages.base_model import BaseModelStage
from fastback.completions.stages.code_interpreter import CodeInterpreterStage
from fastback.completions.stages.code_prompt import CodePromptStage
from fastback.completions.stages.compaction import CompactionStage
from fastback.completions.stages.conversation import ConversationStage
from fastback.completions.stages.follow_ups import FollowUpsStage
from fastback.completions.stages.image_generation import ImageGenerationStage
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
from fastback.completions.tasks.generations import Generations
from fastback.completions.tasks.memory_review import MemoryReviewer
from fastback.completions.tools.approval import ToolApproval
from fastback.completions.tools.builtin.provider import BuiltinTools
from fastback.completions.tools.call_execution import CallExecutor
from fastback.completions.tools.code_runner import CodeRunner
from fastback.completions.tools.servers.terminal_skills import TerminalSkills
from fastback.completions.turn_pipeline import Stage
from fastback.config import Config
from fastback.features.chats.access import ChatAccess
from fastback.features.chats.messages.running_answers import RunningAnswers
from fastback.features.files.access import FileAccess
from fastback.features.images.service import ImageService
from fastback.features.memories.recall import MemoryRecall
from fastback.features.memories.service import MemoryService
from fastback.features.retrieval.web_search import WebSearchService
from fastback.kit.bus import Bus
from fastback.kit.db import Database
from fastback.kit.services import Services
from fastback.kit.storage import Storage
from fastback.kit.tasks import Tasks
from fastback.providers.client import ModelClient
from fastback.providers.model_resolution import ModelResolver
from fastback.records.access import RecordAccess
from fastback.retrieval.web.pages import PageReader
from fastback.settings import Settings


def add_image_inlining(services: Services) -> None:
    stage = ImageInliningStage(
        db=services.get(Database),
        storage=services.get(Storage),
        access=services.get(FileAccess),
        fetcher=services.get(PageReader).fetcher,
        guesses_by_extension=services.get(Settings).enable_image_content_type_extension_fallback,
    )
    services.add(ImageInliningStage, stage)


def build_stages(services: Services) -> tuple[Stage, ...]:
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
        UnavailableStage(services.get(WebSearchService), services.get(ImageService)),
        services.get(BuiltinTools),
        VoicePromptStage(config),
        MemoriesStage(MemoryRecall(config, memories)),
        WebSearchStage(config=config, results=services.get(WebSearchService), generations=generations),
        ImageGenerationStage(config=config, images=services.get(ImageService), generations=generations),
        CodeInterpreterStage(config=config, permissions=services.get(Permissions), runner=services.get(CodeRunner)),
        SkillCreationStage(db, services.get(Permissions)),
        SkillsStage(services.get(RecordAccess), config, services.get(TerminalSkills)),
        SourcesStage(config=config, settings=settings, resolver=build_source_resolver(services)),
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
