"""Build the turns of models in channels."""

from __future__ import annotations

from fastback.completions.channels.answer_recovery import LeftOverChannelAnswers
from fastback.completions.channels.turns import ChannelTurns
from fastback.completions.doors.setup import build_answer_images
from fastback.completions.sinks.channel import ChannelServices
from fastback.completions.stages.admission import Admission
from fastback.completions.turn_pipeline import TurnPipeline
from fastback.config import Config
from fastback.features.channels.access import ChannelAccess
from fastback.features.channels.messages.model_answers import ModelAnswers
from fastback.features.channels.messages.reader import MessageReader
from fastback.features.channels.messages.service import MessageService
from fastback.features.files.access import FileAccess
from fastback.features.nodes.nodes import Nodes
from fastback.kit.bus import Bus
from fastback.kit.db import Database
from fastback.kit.services import Services
from fastback.kit.tasks import Tasks
from fastback.providers.registry import ModelRegistry
from fastback.settings import Settings


def add_channel_turns(services: Services, pipeline: TurnPipeline) -> None:
    """Add `ChannelTurns`, which listens to messages of channels."""
    channel_services = ChannelServices(
        messages=services.get(MessageService),
        answers=services.get(ModelAnswers),
        files=services.get(FileAccess),
        tasks=services.get(Tasks),
        images=build_answer_images(services),
        retry_seconds=services.get(Settings).fastback_answer_retry_seconds,
    )
    channel_turns = ChannelTurns(
        db=services.get(Database),
        config=services.get(Config),
        registry=services.get(ModelRegistry),
        admission=services.get(Admission),
        pipeline=pipeline,
        services=channel_services,
        reader=services.get(MessageReader),
        access=services.get(ChannelAccess),
        bus=services.get(Bus),
    )
    services.add(ChannelTurns, channel_turns)
    nodes = services.get(Nodes)
    nodes.loss_listeners.append(channel_turns.lose_all)
    left_over = LeftOverChannelAnswers(
        db=services.get(Database), tasks=services.get(Tasks), answers=channel_services.answers, nodes=nodes
    )
    services.add(LeftOverChannelAnswers, left_over)
