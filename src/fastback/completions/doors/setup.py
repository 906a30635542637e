"""Build what the entrances work with: turns of the page, their stored answers, the WebSocket."""

from __future__ import annotations

from fastback.access.events import UserDeleted
from fastback.access.identity import IdentityResolver
from fastback.completions.answer_images import AnswerImages
from fastback.completions.background_subagents import BackgroundSubagents
from fastback.completions.doors.websocket import ChatSocket
from fastback.completions.doors.websocket_session import ChatSocketServices
from fastback.completions.page_turns import PageTurns
from fastback.completions.question_placement import QuestionPlacement
from fastback.completions.sinks.answer_storage import AnswerStorage
from fastback.completions.sinks.page import PageServices
from fastback.completions.stages.admission import Admission
from fastback.completions.subagents import Subagents
from fastback.completions.tasks.generations import Generations
from fastback.completions.turn_pipeline import TurnPipeline
from fastback.features.chats.access import ChatAccess
from fastback.features.chats.messages.answer_recovery import LeftOverAnswers
from fastback.features.chats.messages.running_answers import RunningAnswers
from fastback.features.chats.service import ChatService
from fastback.features.chats.turn_events import ChatWatchers
from fastback.features.files.access import FileAccess
from fastback.features.files.uploads import UploadService
from fastback.kit.bus import Bus
from fastback.kit.db import Database
from fastback.kit.http.connection_limits import ConnectionLimits
from fastback.kit.services import Services
from fastback.kit.tasks import Tasks
from fastback.settings import Settings


def add_answer_storage(services: Services) -> None:
    settings = services.get(Settings)
    storage = AnswerStorage(
        db=services.get(Database),
        bus=services.get(Bus),
        tasks=services.get(Tasks),
        running_answers=services.get(RunningAnswers),
        retry_seconds=settings.fastback_answer_retry_seconds,
    )
    services.add(AnswerStorage, storage)


def add_page_turns(services: Services, pipeline: TurnPipeline) -> None:
    """Add the turns of the page; those of a user who is deleted are stopped."""
    db, bus = services.get(Database), services.get(Bus)
    watchers, settings = services.get(ChatWatchers), services.get(Settings)
    page_services = PageServices(
        bus=bus,
        tasks=services.get(Tasks),
        watchers=watchers,
        storage=services.get(AnswerStorage),
        images=build_answer_images(services),
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
        left_over=services.get(LeftOverAnswers),
    )
    services.add(PageTurns, page_turns)
    services.get(Subagents).connect(page_turns.run_subagent)
    services.get(BackgroundSubagents).connect(page_turns.start)
    bus.subscribe(UserDeleted, lambda event: page_turns.stop_tasks_of_user(event.user_id))


def add_chat_socket(services: Services, pipeline: TurnPipeline) -> None:
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


def build_answer_images(services: Services) -> AnswerImages | None:
    """Return what stores images of an answer's text as files; None where the settings leave them in the text."""
    settings = services.get(Settings)
    if not settings.enable_chat_response_base64_image_url_conversion:
        return None
    return AnswerImages(services.get(Database), services.get(UploadService), services.get(FileAccess))
