"""The filter of sums over answers, and their results."""

from __future__ import annotations

import msgspec


class UsageFilter(msgspec.Struct, frozen=True):
    """The answers that count: between these Unix times, by members of this group or of a group below it."""

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
    """The usage of one user; `user_id` is None for messages without a user."""

    user_id: str | None
    count: int
    input_tokens: int
    output_tokens: int


class ModelValue(msgspec.Struct):
    """The `value` of a model in the period of local time with the number `at` (see `local_time.compute_start`)."""

    at: int
    model_id: str
    value: int
