"""What sums read of `chat_message`: tokens, times, and the indexes of our own that hold them."""

from __future__ import annotations

from fastback.kit.db.indexes import Index


def _sqlite_tokens(*names: str) -> str:
    # No `->>`: an older SQLite, which another program may bring along, could not open a database with such an index.
    found = ", ".join(f"json_extract(usage, '$.{name}')" for name in names)
    # An index must not refuse a row for what it holds.
    return f"CASE WHEN json_valid(usage) THEN CAST(COALESCE({found}) AS INTEGER) END"


def _postgres_tokens(*names: str) -> str:
    given = ", ".join(f"usage ->> '{name}'" for name in names)
    found = f"COALESCE({given})"
    return rf"CASE WHEN {found} ~ '^-?\d+(\.\d+)?$' THEN trunc(CAST({found} AS NUMERIC))::bigint END"


_NAMES = (("input_tokens", "prompt_tokens"), ("output_tokens", "completion_tokens"))
TOKENS = {
    "sqlite": tuple(_sqlite_tokens(*names) for names in _NAMES),
    "postgres": tuple(_postgres_tokens(*names) for names in _NAMES),
}

#: Times outside of this are no times of a message: they count as now. Larger ones are milliseconds.
EARLIEST, MILLISECONDS_FROM = 1_577_836_800, 10_000_000_000

#: PostgreSQL reads expressions from the row itself in any case, so its index is the shorter one.
INDEX = Index(
    "fastback_chat_message_usage",
    sqlite="ON chat_message (created_at, model_id, user_id, chat_id, "
    f"{', '.join(TOKENS['sqlite'])}) WHERE role = 'assistant'",
    postgres="ON chat_message (created_at, model_id, user_id, chat_id) WHERE role = 'assistant'",
)

#: Finds messages by the time of their change.
CHANGED = Index(
    "fastback_chat_message_changed", sqlite="ON chat_message (updated_at)", postgres="ON chat_message (updated_at)"
)
