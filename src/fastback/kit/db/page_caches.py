"""Bound the memory that all connections to SQLite files have together.

A server has a dozen connections: to the database, the index of chats, vectors and embeddings. Each would fill its own
cache of pages, 20 MB together, with pages that the system's file cache holds, too. Near the limit a connection reuses
its own pages instead of taking more. Under the load of `python -m bench.soak` the memory of SQLite grew to 22 MB within
three minutes without the limit, and stayed at 7 MB with it.
"""

from __future__ import annotations

from collections.abc import Mapping

#: Bytes that SQLite takes before connections reuse their pages. Schemas and prepared statements count, too.
MEMORY_LIMIT = 6_000_000


def limit_page_caches(pragmas: Mapping[str, str] | None) -> None:
    """Set the limit for this process, or remove it where the settings choose the size of each cache."""
    import apsw

    apsw.soft_heap_limit(0 if pragmas and "cache_size" in pragmas else MEMORY_LIMIT)
