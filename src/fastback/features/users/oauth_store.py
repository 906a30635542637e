"""Users by their subject at an OAuth provider: `user.oauth` is `{"google": {"sub": "…"}}`."""

from __future__ import annotations

from typing import Any

import msgspec

from fastback.features.users import store
from fastback.kit.db import Executor
from fastback.kit.db.database import Transaction
from fastback.kit.db.indexes import Index
from fastback.kit.db.query import compile_statement

#: The providers of sign-ins.
PROVIDERS = ("google", "microsoft", "github", "oidc", "feishu")
#: The subject; a number in old rows of Open WebUI.
_SUBJECT = {name: f"CAST(oauth::readable -> '{name}' ->> 'sub' AS TEXT)" for name in PROVIDERS}

#: A row has a large picture before `oauth`, so that a search without an index reads through all of them.
INDEXES = tuple(
    Index(
        f"fastback_user_{name}",
        sqlite=f'ON "user" ({expression.sqlite}) WHERE {expression.sqlite} IS NOT NULL',
        postgres=f'ON "user" (({expression.postgres})) WHERE {expression.postgres} IS NOT NULL',
    )
    for name, expression in ((name, compile_statement(subject)) for name, subject in _SUBJECT.items())
)

FIND_ID_BY_SUBJECT = {
    name: f'SELECT id FROM "user" WHERE {subject} = :subject ORDER BY created_at, id LIMIT 1'
    for name, subject in _SUBJECT.items()
}


async def find_id_by_subject(db: Executor, provider: str, subject: str) -> str | None:
    """Return the id of the user that a provider knows by a subject, or None."""
    return await db.fetch_first(str, "users.find_by_subject", FIND_ID_BY_SUBJECT[provider], subject=subject)


async def set_subject(tx: Transaction, user_id: str, provider: str, subject: str) -> bool:
    """Store the subject of a user at a provider, and return whether that changed anything."""
    raw = await store.find_json_column(tx, user_id, "oauth", lock=True)
    subjects: Any = None if raw is None else msgspec.json.decode(raw)
    subjects = subjects if isinstance(subjects, dict) else {}
    entry = subjects.get(provider)
    entry = entry if isinstance(entry, dict) else {}
    if entry.get("sub") == subject:
        return False
    return await store.update_user(tx, user_id, oauth={**subjects, provider: {**entry, "sub": subject}})
