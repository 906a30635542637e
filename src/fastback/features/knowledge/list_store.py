"""SQL of the lists of knowledge, for `records.listing`: columns, and conditions that only knowledge has."""

from __future__ import annotations

from fastback.access.identity import User
from fastback.features.knowledge.store import COLUMNS, Knowledge
from fastback.records.listing import OWNER_LIKE, Listing, build_listing


class ListedKnowledge(Knowledge):
    files: int = 0


#: The columns of `ListedKnowledge`.
LISTED_COLUMNS = f"{COLUMNS}, (SELECT count(*) FROM knowledge_file k WHERE k.knowledge_id = t.id)"
_OWNER_IS_NAMED = 't.user_id IN (SELECT u.id FROM "user" u WHERE lower(u.username) LIKE lower(:query))'
_SOURCES = {
    "external": "COALESCE(t.meta::readable ->> 'source', '') = 'external'",
    "local": "COALESCE(t.meta::readable ->> 'source', '') <> 'external'",
}


def build_knowledge_listing(
    user: User,
    *,
    query: str | None = None,
    view_option: str | None = None,
    source: str | None = None,
    order_by: str | None = None,
    direction: str | None = None,
) -> Listing:
    """Build the search for knowledge by name, description and owner; `source` is `external` or `local`."""
    listing = build_listing(
        user,
        ["t.name", "t.description"],
        query=query,
        view_option=view_option,
        order_by=order_by,
        direction=direction,
    )
    if query:
        listing.where = listing.where.replace(OWNER_LIKE, f"{OWNER_LIKE} OR {_OWNER_IS_NAMED}")
    if source in _SOURCES:
        listing.where += f" AND {_SOURCES[source]}"
    return listing
