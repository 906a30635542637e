"""Bound the memory that all connections to SQLite files have together.

A server has a dozen connections: to the database, the index of chats, vectors and embeddings. Each would fill its own
cache of pages, 20 MB together, with pages that the system's file cache holds, too. Near the limit a connection reuses
its own pages instead of taking more. Under the load of `python -m bench.soak` the memory of SQLite grew to 22 MB within
three minutes without the limit, and stayed at 7 MB with it.
"""

from __future__ import annotations

from collections.abc import Mapping

#: Bytes that SQLite takes before connections reuse their pages. Schemas and prepared statements count, too. The second
#: limit is for servers whose database is PostgreSQL: only vectors and embeddings are in SQLite files there.
MEMORY_LIMIT, LIMIT_BESIDE_POSTGRES = 6_000_000, 4_000_000


def limit_page_caches(pragmas: Mapping[str, str] | None, *, is_main_database: bool) -> None:
    """Set the limit for this process, or remove it where the settings choose the size of each cache."""
    import apsw

    limit = MEMORY_LIMIT if is_main_database else LIMIT_BESIDE_POSTGRES
    apsw.soft_heap_limit(0 if pragmas and "cache_size" in pragmas else limit)
