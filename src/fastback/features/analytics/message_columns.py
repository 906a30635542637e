"""Columns of `chat_message` that sums read: tokens and times, and our own indexes over them."""

from __future__ import annotations

from fastback.kit.db.database import Dialect
from fastback.kit.db.indexes import Index


def _build_sqlite_tokens(*names: str) -> str:
    # Not `->>`: an older SQLite, of another program, could not open a database with such an index.
    tokens = ", ".join(f"json_extract(usage, '$.{name}')" for name in names)
    # The index must accept every row, also one with invalid JSON.
    return f"CASE WHEN json_valid(usage) THEN CAST(COALESCE({tokens}) AS INTEGER) END"


def _build_postgres_text(*names: str) -> str:
    values = ", ".join(f"usage ->> '{name}'" for name in names)
    return f"COALESCE({values})"


def _build_postgres_tokens(text: str) -> str:
    return rf"CASE WHEN {text} ~ '^-?\d+(\.\d+)?$' THEN CAST(split_part({text}, '.', 1) AS BIGINT) END"


_INPUT, _OUTPUT = ("input_tokens", "prompt_tokens"), ("output_tokens", "completion_tokens")
#: Expressions for the input and the output tokens of a message.
TOKENS: dict[Dialect, tuple[str, str]] = {
    "sqlite": (_build_sqlite_tokens(*_INPUT), _build_sqlite_tokens(*_OUTPUT)),
    "postgres": (
        _build_postgres_tokens(_build_postgres_text(*_INPUT)),
        _build_postgres_tokens(_build_postgres_text(*_OUTPUT)),
    ),
}
#: Expressions of PostgreSQL for the input and the output tokens as texts, each of which reads the JSON once, and those
#: for the tokens where the texts are columns with these names.
TOKEN_TEXTS = {"input_text": _build_postgres_text(*_INPUT), "output_text": _build_postgres_text(*_OUTPUT)}
TOKENS_OF_TEXTS = (_build_postgres_tokens("input_text"), _build_postgres_tokens("output_text"))

#: A message's time before `EARLIEST` (2020) is implausible and counts as now; a larger one is in milliseconds.
EARLIEST, MILLISECONDS_FROM = 1_577_836_800, 10_000_000_000

#: PostgreSQL computes expressions from the row in any case, so its index holds only columns.
INDEX = Index(
    "fastback_chat_message_usage",
    sqlite="ON chat_message (created_at, model_id, user_id, chat_id, "
    f"{', '.join(TOKENS['sqlite'])}) WHERE role = 'assistant'",
    postgres="ON chat_message (created_at, model_id, user_id, chat_id) WHERE role = 'assistant'",
)

#: All that the sums over one user's messages read.
OF_USER = Index(
    "fastback_chat_message_of_user",
    sqlite=f"ON chat_message (user_id, created_at, chat_id, role, model_id, {', '.join(TOKENS['sqlite'])})",
    postgres=None,
)

#: The chats of a model: in SQLite, reading them from the rows takes as long as all else that is listed of them.
OF_MODEL = Index(
    "fastback_chat_message_of_model",
    sqlite="ON chat_message (model_id, chat_id, created_at) WHERE model_id IS NOT NULL",
    postgres=None,
)

#: The times of a chat's messages.
TIMES = Index(
    "fastback_chat_message_times",
    sqlite="ON chat_message (chat_id, created_at)",
    postgres="ON chat_message (chat_id, created_at)",
)

#: Finds messages by the time of their change.
CHANGED = Index(
    "fastback_chat_message_changed", sqlite="ON chat_message (updated_at)", postgres="ON chat_message (updated_at)"
)
