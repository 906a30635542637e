"""Pages of feedback with its authors, in any order."""

from __future__ import annotations

from functools import lru_cache

import msgspec

from fastback.features.evaluations.schemas import Author, ListedFeedback
from fastback.features.evaluations.store import MODEL_ID, POSITION, RATING
from fastback.kit.db import Database
from fastback.kit.db.database import Dialect
from fastback.records.listing import PageEntry

#: Feedback on a page.
PAGE = 30
#: The columns that lists can be sorted by.
_SORTABLE = ("username", "model_id", "rating", "updated_at")


LOAD_PAGE = """
    SELECT f.id, f.user_id, f.version, f.type, f.data, f.meta, f.created_at, f.updated_at,
        u.name, u.email, u.role, u.last_active_at, u.updated_at, u.created_at
    FROM feedback f JOIN "user" u ON u.id = f.user_id WHERE f.id = ANY(:ids)"""


class _PageRow(msgspec.Struct):
    """A row of a page: the feedback, then its author."""

    id: str
    user_id: str
    version: int
    type: str
    data: msgspec.Raw
    meta: msgspec.Raw
    created_at: int
    updated_at: int
    author_name: str
    author_email: str
    author_role: str
    author_last_active_at: int
    author_updated_at: int
    author_created_at: int

    def to_listed(self) -> ListedFeedback:
        return ListedFeedback(
            self.id,
            self.user_id,
            self.version,
            self.type,
            self.data,
            self.meta,
            self.created_at,
            self.updated_at,
            Author(
                self.user_id,
                self.author_name,
                self.author_email,
                self.author_role,
                self.author_last_active_at,
                self.author_updated_at,
                self.author_created_at,
            ),
        )


class FeedbackOrder(msgspec.Struct, frozen=True):
    """The order of a list: by a column, else newest first, or oldest first if `filtered`.

    Missing values count as the lowest.
    """

    order_by: str | None = None
    direction: str | None = None
    filtered: bool = False

    def build_key(self, dialect: Dialect) -> str:
        """Return the expression that feedback `f` of the user `u` is sorted by."""
        if self.order_by not in _SORTABLE:
            return "f.created_at"
        columns = {"username": "u.name", "model_id": MODEL_ID[dialect], "rating": RATING[dialect]}
        return columns.get(self.order_by, "f.updated_at").replace("data", "f.data")

    def build_terms(self) -> str:
        """Return the terms of the `ORDER BY` clause, over `sort_key`, `created_at` and `position`."""
        if self.order_by not in _SORTABLE:
            return f"sort_key {'' if self.filtered else 'DESC'}, position"
        return f"sort_key {'ASC NULLS FIRST' if self.direction == 'asc' else 'DESC NULLS LAST'}, created_at, position"


def _build_source(dialect: Dialect, *, has_owner: bool, has_model: bool) -> str:
    conditions = ["TRUE"]
    if has_owner:
        conditions.append("f.user_id = :owner")
    if has_model:
        conditions.append(f"{MODEL_ID[dialect].replace('data', 'f.data')} = :model_id")
    return f'FROM feedback f JOIN "user" u ON u.id = f.user_id WHERE {" AND ".join(conditions)}'


@lru_cache(64)
def _build_page_ids(dialect: Dialect, order: FeedbackOrder, *, has_owner: bool, has_model: bool) -> str:
    # The sort key is a column of its own: beside a window function SQLite would not read it from the index.
    source = _build_source(dialect, has_owner=has_owner, has_model=has_model)
    key, position = order.build_key(dialect), POSITION[dialect]
    return f"""WITH matching AS MATERIALIZED (
            SELECT f.id, {key} AS sort_key, f.created_at, f.{position} AS position {source})
        SELECT id, (SELECT count(*) FROM matching) FROM matching
        ORDER BY {order.build_terms()} LIMIT {PAGE} OFFSET :skip"""


@lru_cache(8)
def _build_count(dialect: Dialect, *, has_owner: bool, has_model: bool) -> str:
    return f"SELECT count(*) {_build_source(dialect, has_owner=has_owner, has_model=has_model)}"


async def list_page(
    db: Database, *, page: int, order: FeedbackOrder, owner: str | None = None, model_id: str | None = None
) -> tuple[list[ListedFeedback], int]:
    """Return a page of feedback from existing users, and the number of matching feedback; pages are counted from 1."""
    params = {name: value for name, value in (("owner", owner), ("model_id", model_id)) if value}
    has_owner, has_model = "owner" in params, "model_id" in params
    skip = (max(page, 1) - 1) * PAGE
    text = _build_page_ids(db.dialect, order, has_owner=has_owner, has_model=has_model)
    entries = await db.fetch_all_in_thread(PageEntry, "feedback.list_page_ids", text, skip=skip, **params)
    if not entries:
        count = _build_count(db.dialect, has_owner=has_owner, has_model=has_model)
        return [], (await db.fetch_all_in_thread(int, "feedback.count", count, **params))[0] if skip else 0
    ids = [entry.id for entry in entries]
    rows = {row.id: row for row in await db.fetch_all_in_thread(_PageRow, "feedback.load_page", LOAD_PAGE, ids=ids)}
    return [rows[feedback_id].to_listed() for feedback_id in ids if feedback_id in rows], entries[0].total
