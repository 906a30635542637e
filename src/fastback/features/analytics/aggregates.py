"""What is asked of sums, and what they answer."""

from __future__ import annotations

import msgspec


class UsageFilter(msgspec.Struct, frozen=True):
    """Which answers count: from and up to these Unix times, by members of this group or of one below it."""

    start: int | None = None
    end: int | None = None
    group_id: str | None = None


class Summary(msgspec.Struct):
    total_messages: int
    total_chats: int
    total_models: int
    total_users: int


class ModelUse(msgspec.Struct):
    model_id: str
    count: int
    unique_users: int
    unique_chats: int


class TokenUse(msgspec.Struct):
    model_id: str
    input_tokens: int
    output_tokens: int
    total_tokens: int
    message_count: int


class UserUse(msgspec.Struct):
    """`user_id` is None for messages of nobody."""

    user_id: str | None
    count: int
    input_tokens: int
    output_tokens: int


class ModelValue(msgspec.Struct):
    """`value` of a model in a stretch of local time, by its number (see `local_time.begin`)."""

    at: int
    model_id: str
    value: int
