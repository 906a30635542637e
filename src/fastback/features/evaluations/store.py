"""Rows of `feedback`."""

from __future__ import annotations

import time
import uuid

import msgspec

from fastback.features.evaluations.schemas import Author, Feedback, FeedbackForm, FeedbackId, Fields, Listed
from fastback.kit.db import Database, Executor

PAGE = 30

_COLUMNS = "id, user_id, version, type, data, meta, snapshot, created_at, updated_at"
#: The order in which feedback of one second came in is told by nothing but the row's place.
_PLACE = {"sqlite": "rowid", "postgres": "ctid"}
_OWNED = "(CAST(:owner AS TEXT) IS NULL OR user_id = :owner)"


def _json(value: Fields | None) -> str | None:
    return None if value is None else msgspec.json.encode(value).decode()


async def add(db: Executor, user_id: str, form: FeedbackForm) -> Feedback:
    found = await db.fetch_first(
        Feedback,
        "feedback.add",
        f"""INSERT INTO feedback ({_COLUMNS})
            VALUES (:id, :user_id, 0, :type, :data, :meta, :snapshot, :now, :now) RETURNING {_COLUMNS}""",
        id=str(uuid.uuid4()),
        user_id=user_id,
        type=form.type,
        data=_json(form.data),
        meta=_json(form.meta),
        snapshot=_json(form.snapshot),
        now=int(time.time()),
    )
    assert found is not None
    return found


async def get(db: Executor, feedback_id: str, owner: str | None) -> Feedback | None:
    """`owner` None: whoever gave it."""
    return await db.fetch_first(
        Feedback,
        "feedback.get",
        f"SELECT {_COLUMNS} FROM feedback WHERE id = :id AND {_OWNED}",
        id=feedback_id,
        owner=owner,
    )


async def update(db: Executor, feedback_id: str, owner: str | None, form: FeedbackForm) -> Feedback | None:
    """Change what the form holds; its type stays."""
    return await db.fetch_first(
        Feedback,
        "feedback.update",
        f"""UPDATE feedback SET data = COALESCE(:data, data), meta = COALESCE(:meta, meta),
            snapshot = COALESCE(:snapshot, snapshot), updated_at = :now
            WHERE id = :id AND {_OWNED} RETURNING {_COLUMNS}""",
        id=feedback_id,
        owner=owner,
        data=_json(form.data),
        meta=_json(form.meta or None),
        snapshot=_json(form.snapshot),
        now=int(time.time()),
    )


async def delete(db: Executor, feedback_id: str, owner: str | None) -> bool:
    text = f"DELETE FROM feedback WHERE id = :id AND {_OWNED}"
    return await db.execute("feedback.delete", text, id=feedback_id, owner=owner) > 0


async def delete_all(db: Executor, owner: str | None) -> bool:
    """Whether there was any."""
    return await db.execute("feedback.delete_all", f"DELETE FROM feedback WHERE {_OWNED}", owner=owner) > 0


async def ids(db: Database) -> list[FeedbackId]:
    """Of all feedback, what changed last first."""
    text = f"SELECT id, user_id, created_at, updated_at FROM feedback ORDER BY updated_at DESC, {_PLACE[db.dialect]}"
    return await db.fetch_all_in_thread(FeedbackId, "feedback.ids", text)


async def export_ids(db: Database, model_id: str | None) -> list[str]:
    text = f"""SELECT id FROM feedback WHERE CAST(:model_id AS TEXT) IS NULL OR data ->> 'model_id' = :model_id
        ORDER BY updated_at DESC, {_PLACE[db.dialect]}"""
    return await db.fetch_all_in_thread(str, "feedback.export_ids", text, model_id=model_id or None)


async def whole(db: Database, wanted: list[str]) -> list[Feedback]:
    """Those of these ids that there are, in the same order."""
    text = f"SELECT {_COLUMNS} FROM feedback WHERE id = ANY(:ids)"
    found = {one.id: one for one in await db.fetch_all_in_thread(Feedback, "feedback.whole", text, ids=wanted)}
    return [found[one] for one in wanted if one in found]


async def model_ids(db: Database) -> list[str]:
    """Models that somebody rated."""
    text = "SELECT DISTINCT CAST(data ->> 'model_id' AS TEXT) FROM feedback WHERE data ->> 'model_id' <> ''"
    return sorted(await db.fetch_all_in_thread(str, "feedback.model_ids", text))


_ORDERS = {
    "username": "u.name",
    "model_id": "CAST(f.data ->> 'model_id' AS TEXT)",
    "rating": "CAST(f.data ->> 'rating' AS TEXT)",
    "updated_at": "f.updated_at",
}


def order(order_by: str | None, direction: str | None, *, filtered: bool) -> str:
    """The order of a list: newest first, unless anything at all is asked of it; missing values count as the least."""
    column = _ORDERS.get(order_by or "")
    if column is None:
        return "f.created_at" if filtered else "f.created_at DESC"
    way = "ASC NULLS FIRST" if direction == "asc" else "DESC NULLS LAST"
    return f"{column} {way}, f.created_at"


class _Row(msgspec.Struct):
    id: str
    user_id: str
    version: int
    type: str
    data: msgspec.Raw
    meta: msgspec.Raw
    created_at: int
    updated_at: int
    name: str
    email: str
    role: str
    seen: int
    changed: int
    joined: int

    def shown(self) -> Listed:
        author = Author(self.user_id, self.name, self.email, self.role, self.seen, self.changed, self.joined)
        return Listed(
            self.id,
            self.user_id,
            self.version,
            self.type,
            self.data,
            self.meta,
            self.created_at,
            self.updated_at,
            author,
        )


async def page(
    db: Database, *, page: int, order: str, owner: str | None = None, model_id: str | None = None
) -> tuple[list[Listed], int]:
    """Feedback of people who still have an account, 30 a page, pages counted from 1, and how much there is in all."""
    source = """FROM feedback f JOIN "user" u ON u.id = f.user_id
        WHERE (CAST(:owner AS TEXT) IS NULL OR f.user_id = :owner)
        AND (CAST(:model_id AS TEXT) IS NULL OR f.data ->> 'model_id' = :model_id)"""
    total = (
        await db.fetch_all_in_thread(
            int, "feedback.count", f"SELECT count(*) {source}", owner=owner, model_id=model_id or None
        )
    )[0]
    rows = await db.fetch_all_in_thread(
        _Row,
        "feedback.page",
        f"""SELECT f.id, f.user_id, f.version, f.type, f.data, f.meta, f.created_at, f.updated_at,
            u.name, u.email, u.role, u.last_active_at, u.updated_at, u.created_at {source}
            ORDER BY {order}, f.{_PLACE[db.dialect]} LIMIT {PAGE} OFFSET :skip""",
        owner=owner,
        model_id=model_id or None,
        skip=(max(page, 1) - 1) * PAGE,
    )
    return [row.shown() for row in rows], total


#: Stands in no JSON text, so it keeps many of them apart in one.
SEPARATOR = "\x1e"


async def ratings(db: Database) -> str:
    """The `data` of all feedback, undecoded, in the order in which it was given, `SEPARATOR` between.

    One text, as making a row object of each would hold up the event loop.
    """
    text = f"""SELECT COALESCE(string_agg(CAST(data AS TEXT), :separator ORDER BY created_at, {_PLACE[db.dialect]}), '')
        FROM feedback WHERE data IS NOT NULL"""
    return (await db.fetch_all_in_thread(str, "feedback.ratings", text, separator=SEPARATOR))[0]


class Verdict(msgspec.Struct):
    created_at: int
    rating: str


async def list_verdicts(db: Database, model_id: str, since: int | None) -> list[Verdict]:
    """Wins (`1`) and losses (`-1`) of a model, with their Unix times, since a time or ever."""
    return await db.fetch_all_in_thread(
        Verdict,
        "feedback.verdicts",
        """SELECT created_at, CAST(data ->> 'rating' AS TEXT) FROM feedback
           WHERE data ->> 'model_id' = :model_id AND CAST(data ->> 'rating' AS TEXT) IN ('1', '-1')
           AND (CAST(:since AS BIGINT) IS NULL OR created_at >= :since)""",
        model_id=model_id,
        since=since,
    )
