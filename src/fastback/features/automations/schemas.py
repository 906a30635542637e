"""Requests about automations, and automations as responses show them. Times are in nanoseconds."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

#: Characters of a prompt, of a schedule, and of a name or an id.
Prompt = Annotated[str, msgspec.Meta(max_length=1_000_000)]
Rule = Annotated[str, msgspec.Meta(max_length=10_000)]
Name = Annotated[str, msgspec.Meta(max_length=1000)]


class TerminalChoice(msgspec.Struct):
    """The terminal server that the model works on, and the directory that it begins in."""

    server_id: Name
    cwd: Annotated[str, msgspec.Meta(max_length=4096)] | None = None


class Target(msgspec.Struct):
    """Where answers go: into a new chat each, or into a channel."""

    type: Literal["chat", "channel"] = "chat"
    channel_id: Name | None = None


class AutomationData(msgspec.Struct):
    """What an automation does: a prompt for a model, by a recurrence rule."""

    prompt: Prompt
    model_id: Name
    rrule: Rule
    terminal: TerminalChoice | None = None
    target: Target | None = None

    @property
    def channel_id(self) -> str | None:
        """The channel that answers go to; empty where it is missing, None for chats."""
        if self.target is None or self.target.type != "channel":
            return None
        return self.target.channel_id or ""


class AutomationForm(msgspec.Struct):
    """A new or changed automation."""

    name: Name
    data: AutomationData
    folder_id: Name | None = None
    meta: dict[str, Any] | None = None
    is_active: bool | None = True


class RunResponse(msgspec.Struct):
    """A run: `status` is `success` or `error`."""

    id: str
    automation_id: str
    chat_id: str | None
    status: str
    error: str | None
    created_at: int


class Automation(msgspec.Struct):
    """A row of `automation`."""

    id: str
    user_id: str
    folder_id: str | None
    name: str
    data: msgspec.Raw
    meta: msgspec.Raw
    is_active: bool
    last_run_at: int | None
    next_run_at: int | None
    created_at: int
    updated_at: int

    @property
    def task(self) -> AutomationData:
        """What the automation does; fields that are malformed have their defaults."""
        return parse_data(self.data)


class AutomationResponse(Automation):
    """An automation with its last run, and with its next runs where it is shown alone."""

    last_run: RunResponse | None = None
    next_runs: list[int] | None = None


class AutomationPage(msgspec.Struct):
    """A page of automations, and the number of automations on all pages."""

    items: list[AutomationResponse]
    total: int


def parse_data(stored: msgspec.Raw) -> AutomationData:
    """Return what a row says that an automation does; what is malformed has its default."""
    fields = msgspec.json.decode(stored)
    if not isinstance(fields, dict):
        fields = {}
    prompt, model_id, rrule = (str(fields.get(name) or "") for name in ("prompt", "model_id", "rrule"))
    data = AutomationData(prompt, model_id, rrule)
    for name, kind in (("terminal", TerminalChoice), ("target", Target)):
        try:
            setattr(data, name, msgspec.convert(fields.get(name), kind | None))
        except msgspec.ValidationError:
            continue
    return data
