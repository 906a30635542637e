"""One run of an automation, and why it may fail."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from fastback.access.identity import User
from fastback.features.automations.schemas import Automation, AutomationData
from fastback.kit.http.errors import HttpError
from fastback.providers.request_context import RequestContext

Json = dict[str, Any]

#: Characters of an error that are stored.
_MAX_ERROR = 4000
CANCELLED = "Automation reply was cancelled"


class RunFailed(Exception):
    """A run has failed; the text is for the owner."""


@dataclass(kw_only=True, slots=True)
class AutomationRun:
    """A run that has begun. Where answers go is filled in as soon as it exists, so that a failed run names it, too.

    Attributes:
        prompt: with its variables filled in.
        features: what the owner has switched on for questions.
        chat_id: the chat with the answer, or the channel as `channel:…`.
        channel_message_id: the message of a channel that the answer goes to.
    """

    automation: Automation
    task: AutomationData
    user: User
    prompt: str
    ctx: RequestContext
    features: Json
    chat_id: str | None = None
    channel_message_id: str | None = None

    def build_chat_context(self) -> RequestContext:
        """Return the context of requests for the chat of the run."""
        return msgspec.structs.replace(self.ctx, chat_id=self.chat_id or "")


def describe_error(error: BaseException) -> str:
    """Return the text of an error that has ended a run."""
    if isinstance(error, HttpError):
        return f"{error.status}: {error.detail}"[:_MAX_ERROR]
    return (str(error) or type(error).__name__)[:_MAX_ERROR]
