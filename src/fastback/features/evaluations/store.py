"""Rows of `feedback`."""

from __future__ import annotations

import time
import uuid

import msgspec

from fastback.features.evaluations.schemas import Feedback, FeedbackForm, FeedbackId, Fields
from fastback.kit.db import Database, Executor
from fastback.kit.db.database import Dialect
from fastback.kit.db.indexes import Index
from fastback.kit.storable_text import encode_json

#: Separates JSON texts: no JSON text contains it.
SEPARATOR = "\x1e"

_COLUMNS = "id, user_id, version, type, data, meta, snapshot, created_at, updated_at"
#: The position of a row: only it gives the order of feedback from the same second.
POSITION: dict[Dialect, str] = {"sqlite": "rowid", "postgres": "ctid"}
#: The model and the rating of feedback. SQLite reads them from the indexes in this form alone: a cast, and guarded,
#: because an index must accept every row.
MODEL_ID: dict[Dialect, str] = {
    "sqlite": "CAST(CASE WHEN json_valid(data) THEN json_extract(data, '$.model_id') END AS TEXT)",
    "postgres": "(data::readable ->> 'model_id')",
}
RATING = {dialect: text.replace("model_id", "rating") for dialect, text in MODEL_ID.items()}
_SQLITE_COLUMNS = f"updated_at, id, {MODEL_ID['sqlite']}, {RATING['sqlite']}"
#: What lists show, sort and sum up: SQLite reads the snapshot, which is a whole chat, to reach the times in a row.
HEADS = Index(
    "fastback_feedback_head",
    sqlite=f"ON feedback (created_at, user_id, {_SQLITE_COLUMNS})",
    postgres="ON feedback (created_at)",
)
OF_USER = Index(
    "fastback_feedback_user",
    sqlite=f"ON feedback (user_id, created_at, {_SQLITE_COLUMNS})",
    postgres="ON feedback (user_id, created_at)",
)
INDEXES = (HEADS, OF_USER)
_IS_OWNED = "(CAST(:owner AS TEXT) IS NULL OR user_id = :owner)"
INSERT_FEEDBACK = f"""
    INSERT INTO feedback ({_COLUMNS})
    VALUES (:id, :user_id, 0, :type, :data, :meta, :snapshot, :now, :now) RETURNING {_COLUMNS}"""
FIND_FEEDBACK = f"SELECT {_COLUMNS} FROM feedback WHERE id = :id AND {_IS_OWNED}"
UPDATE_FEEDBACK = f"""
    UPDATE feedback SET data = COALESCE(:data, data), meta = COALESCE(:meta, meta),
        snapshot = COALESCE(:snapshot, snapshot), updated_at = :now
    WHERE id = :id AND {_IS_OWNED} RETURNING {_COLUMNS}"""
DELETE_FEEDBACK = f"DELETE FROM feedback WHERE id = :id AND {_IS_OWNED}"
DELETE_ALL_FEEDBACK = f"DELETE FROM feedback WHERE {_IS_OWNED}"
LIST_IDS = {
    dialect: f"SELECT id, user_id, created_at, updated_at FROM feedback ORDER BY updated_at DESC, {position}"
    for dialect, position in POSITION.items()
}
LIST_EXPORT_IDS = {
    dialect: f"""
    SELECT id FROM feedback WHERE CAST(:model_id AS TEXT) IS NULL OR {MODEL_ID[dialect]} = :model_id
    ORDER BY updated_at DESC, {position}"""
    for dialect, position in POSITION.items()
}
LIST_FEEDBACK_BY_ID = f"SELECT {_COLUMNS} FROM feedback WHERE id = ANY(:ids)"
LIST_MODEL_IDS = {
    dialect: f"SELECT DISTINCT id FROM (SELECT {model_id} AS id FROM feedback{offset}) m WHERE id <> ''"
    for dialect, model_id, offset in (
        ("sqlite", MODEL_ID["sqlite"], ""),
        ("postgres", MODEL_ID["postgres"], " OFFSET 0"),  # reads the JSON once, not for each use of the model
    )
}
#: SQLite takes the order from an index, and then reads each row only up to its data.
JOIN_RATINGS = {
    "sqlite": """
    SELECT COALESCE(string_agg(CAST(f.data AS TEXT), :separator), '')
    FROM (SELECT rowid AS position FROM feedback ORDER BY created_at, rowid) h
    CROSS JOIN feedback f ON f.rowid = h.position WHERE f.data IS NOT NULL""",
    "postgres": """
    SELECT COALESCE(string_agg(CAST(data AS TEXT), :separator ORDER BY created_at, ctid), '')
    FROM feedback WHERE data IS NOT NULL""",
}
LIST_VERDICTS = {
    dialect: f"""
    SELECT created_at, {RATING[dialect]} FROM feedback
    WHERE {MODEL_ID[dialect]} = :model_id AND {RATING[dialect]} IN ('1', '-1')
        AND (CAST(:since AS BIGINT) IS NULL OR created_at >= :since)"""
    for dialect in POSITION
}


class Verdict(msgspec.Struct):
    """A win (rating `1`) or a loss (`-1`) of a model, with its Unix time."""

    created_at: int
    rating: str


def _encode(value: Fields | None) -> str | None:
    return None if value is None else encode_json(value)


async def insert_feedback(db: Executor, user_id: str, form: FeedbackForm) -> Feedback:
    """Insert feedback and return it."""
    feedback = await db.fetch_first(
        Feedback,
        "feedback.insert",
        INSERT_FEEDBACK,
        id=str(uuid.uuid4()),
        user_id=user_id,
        type=form.type,
        data=_encode(form.data),
        meta=_encode(form.meta),
        snapshot=_encode(form.snapshot),
        now=int(time.time()),
    )
    assert feedback is not None
    return feedback


async def find_feedback(db: Executor, feedback_id: str, owner: str | None) -> Feedback | None:
    """Return the feedback of a user (`owner` None: of any user), or None."""
    return await db.fetch_first(Feedback, "feedback.find", FIND_FEEDBACK, id=feedback_id, owner=owner)


async def update_feedback(db: Executor, feedback_id: str, owner: str | None, form: FeedbackForm) -> Feedback | None:
    """Update the fields that the form holds, except the type, and return the feedback, or None.

    `owner` None allows the feedback of any user.
    """
    return await db.fetch_first(
        Feedback,
        "feedback.update",
        UPDATE_FEEDBACK,
        id=feedback_id,
        owner=owner,
        data=_encode(form.data),
        meta=_encode(form.meta or None),
        snapshot=_encode(form.snapshot),
        now=int(time.time()),
    )


async def delete_feedback(db: Executor, feedback_id: str, owner: str | None) -> bool:
    """Delete the feedback of a user (`owner` None: of any user) and return whether it existed."""
    return await db.execute("feedback.delete", DELETE_FEEDBACK, id=feedback_id, owner=owner) > 0


async def delete_all_feedback(db: Executor, owner: str | None) -> bool:
    """Delete all feedback of a user (`owner` None: of every user) and return whether there was any."""
    return await db.execute("feedback.delete_all", DELETE_ALL_FEEDBACK, owner=owner) > 0


async def list_ids(db: Database) -> list[FeedbackId]:
    """List the ids of all feedback, the last changed first."""
    return await db.fetch_all_in_thread(FeedbackId, "feedback.list_ids", LIST_IDS[db.dialect])


async def list_export_ids(db: Database, model_id: str | None) -> list[str]:
    """List the ids of all feedback, or of that on one model, the last changed first."""
    text = LIST_EXPORT_IDS[db.dialect]
    return await db.fetch_all_in_thread(str, "feedback.list_export_ids", text, model_id=model_id or None)


async def list_feedback_by_id(db: Database, ids: list[str]) -> list[Feedback]:
    """List the feedback with these ids, in the same order; unknown ids are skipped."""
    rows = await db.fetch_all_in_thread(Feedback, "feedback.list_by_id", LIST_FEEDBACK_BY_ID, ids=ids)
    by_id = {row.id: row for row in rows}
    return [by_id[feedback_id] for feedback_id in ids if feedback_id in by_id]


async def list_model_ids(db: Database) -> list[str]:
    """List the models that have feedback, sorted."""
    return sorted(await db.fetch_all_in_thread(str, "feedback.list_model_ids", LIST_MODEL_IDS[db.dialect]))


async def join_ratings(db: Database) -> str:
    """Return the `data` of all feedback, undecoded, oldest first, joined by `SEPARATOR`.

    It is one text, because making a row object of each would hold up the event loop.
    """
    text = JOIN_RATINGS[db.dialect]
    return (await db.fetch_all_in_thread(str, "feedback.join_ratings", text, separator=SEPARATOR))[0]


async def list_verdicts(db: Database, model_id: str, since: int | None) -> list[Verdict]:
    """List the wins and losses of a model since a Unix time, or all."""
    return await db.fetch_all_in_thread(
        Verdict, "feedback.list_verdicts", LIST_VERDICTS[db.dialect], model_id=model_id, since=since
    )
