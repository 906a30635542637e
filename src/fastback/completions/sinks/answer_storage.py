"""What the stored answers of all turns share."""

from __future__ import annotations

import msgspec

from fastback.features.chats.messages.running_answers import RunningAnswers
from fastback.kit.bus import Bus
from fastback.kit.db import Database
from fastback.kit.tasks import Tasks


class AnswerStorage(msgspec.Struct, frozen=True):
    """What the stored answers of all turns share."""

    db: Database
    bus: Bus
    tasks: Tasks
    running_answers: RunningAnswers
    #: Seconds that the end of an answer is tried to be stored.
    retry_seconds: float
