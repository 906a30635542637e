"""Sums over the answers in `chat_message`: how many, by whom, of which models, how many tokens.

Half of a large database's rows are read for such a sum, so there is an index that holds every column it needs; the
statements run away from the event loop.
"""

from __future__ import annotations

import time

import msgspec

from fastback.kit.db import Database
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

#: PostgreSQL reads expressions from the row itself in any case, so its index is the shorter one.
INDEX = Index(
    "fastback_chat_message_usage",
    sqlite="ON chat_message (created_at, model_id, user_id, chat_id, "
    f"{', '.join(TOKENS['sqlite'])}) WHERE role = 'assistant'",
    postgres="ON chat_message (created_at, model_id, user_id, chat_id) WHERE role = 'assistant'",
)

_MEMBERS = """
    WITH RECURSIVE down(id) AS (
        SELECT id FROM "group" WHERE id = :group_id
        UNION
        SELECT g.id FROM "group" g JOIN down ON g.parent_group_id = down.id
    )
    SELECT DISTINCT m.user_id FROM group_member m JOIN down ON m.group_id = down.id"""


class Chosen(msgspec.Struct, frozen=True):
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


class Slot(msgspec.Struct):
    """`value` of a model in the stretch of time that begins at `at` × the width asked for."""

    at: int
    model_id: str
    value: int


#: Times outside of this are no times of a message: they count as now. Larger ones are milliseconds.
_EARLIEST, _MILLISECONDS = 1_577_836_800, 10_000_000_000
_A_DAY = 86_400
_LARGEST = 2**62


class Usage:
    """Runs such sums. `indexed` says that the index is there: SQLite does not find it by itself."""

    def __init__(self, db: Database) -> None:
        self.db = db
        self.indexed = False

    async def _source(self, chosen: Chosen) -> tuple[str, dict[str, object]]:
        """From where, under which conditions, with which parameters."""
        hint = f"INDEXED BY {INDEX.name}" if self.indexed and self.db.dialect == "sqlite" else ""
        text = f"FROM chat_message {hint} WHERE role = 'assistant'"
        params: dict[str, object] = {}
        for name, sign, value in (("start", ">=", chosen.start), ("end", "<=", chosen.end)):
            if value:
                text += f" AND created_at {sign} :{name}"
                params[name] = max(-_LARGEST, min(value, _LARGEST))
        if chosen.group_id:
            text += " AND user_id = ANY(:members)"
            params["members"] = await self.db.all(str, "analytics.members", _MEMBERS, group_id=chosen.group_id)
        return text, params

    async def summary(self, chosen: Chosen) -> Summary:
        source, params = await self._source(chosen)
        # Messages of nobody count as those of one user.
        text = f"""SELECT count(model_id), count(DISTINCT chat_id), count(DISTINCT model_id), count(DISTINCT user_id)
            + CASE WHEN count(*) > count(user_id) THEN 1 ELSE 0 END {source}"""
        return (await self.db.all_long(Summary, "analytics.summary", text, **params))[0]

    async def models(self, chosen: Chosen) -> list[ModelUse]:
        """The most used first."""
        source, params = await self._source(chosen)
        text = f"""SELECT model_id, count(*), count(DISTINCT user_id), count(DISTINCT chat_id) {source}
            AND model_id IS NOT NULL GROUP BY model_id ORDER BY count(*) DESC, model_id"""
        return await self.db.all_long(ModelUse, "analytics.models", text, **params)

    async def tokens(self, chosen: Chosen) -> list[TokenUse]:
        """The largest eaters first."""
        source, params = await self._source(chosen)
        given, made = TOKENS[self.db.dialect]
        text = f"""SELECT model_id, i, o, i + o, n FROM (
            SELECT model_id, CAST(COALESCE(sum({given}), 0) AS BIGINT) AS i,
                CAST(COALESCE(sum({made}), 0) AS BIGINT) AS o, count(*) AS n {source}
            AND model_id IS NOT NULL GROUP BY model_id) t ORDER BY i + o DESC, model_id"""
        return await self.db.all_long(TokenUse, "analytics.tokens", text, **params)

    async def users(self, chosen: Chosen, *, by_tokens: bool, limit: int) -> list[UserUse]:
        """Those who used most, by messages or by tokens. Tokens of nobody do not count."""
        source, params = await self._source(chosen)
        given, made = TOKENS[self.db.dialect]
        order = "i + o DESC, n DESC" if by_tokens else "n DESC"
        text = f"""SELECT user_id, n, i, o FROM (
            SELECT user_id, count(*) AS n,
                CASE WHEN user_id IS NULL THEN 0 ELSE CAST(COALESCE(sum({given}), 0) AS BIGINT) END AS i,
                CASE WHEN user_id IS NULL THEN 0 ELSE CAST(COALESCE(sum({made}), 0) AS BIGINT) END AS o
            {source} GROUP BY user_id) t ORDER BY {order}, user_id NULLS FIRST LIMIT :limit"""
        return await self.db.all_long(UserUse, "analytics.users", text, limit=limit, **params)

    async def over_time(self, chosen: Chosen, *, width: int, tokens: bool, shift: int = 0) -> list[Slot]:
        """Messages or tokens in stretches of `width` seconds, times moved by `shift` seconds first; in order."""
        source, params = await self._source(chosen)
        given, made = TOKENS[self.db.dialect]
        value = f"CAST(sum(COALESCE({given}, 0) + COALESCE({made}, 0)) AS BIGINT)" if tokens else "count(*)"
        now = int(time.time())
        seconds = f"(CASE WHEN created_at > {_MILLISECONDS} THEN created_at / 1000 ELSE created_at END)"
        moment = f"(CASE WHEN {seconds} BETWEEN {_EARLIEST} AND :latest THEN {seconds} ELSE :now END + :shift)"
        text = f"""SELECT {moment} / {int(width)} AS slot, model_id, {value} {source}
            AND model_id IS NOT NULL GROUP BY slot, model_id ORDER BY slot, model_id"""
        params |= {"latest": now + _A_DAY, "now": now, "shift": shift}
        return await self.db.all_long(Slot, "analytics.over_time", text, **params)
