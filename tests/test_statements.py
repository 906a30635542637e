"""Every statement is prepared on both databases, and gives its rows what their type says.

A module whose statements are not named constants yet stands in `NOT_CONVERTED`; the list only shrinks.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, get_args

import apsw
import apsw.ext
import asyncpg
import msgspec
import pytest
from prepared_database import POSTGRES, copy_sqlite, postgres_database
from statement_sources import Call, Statement, list_calls, list_constants, list_module_names

from fastback.features.analytics import rollup
from fastback.features.chats.search import index_store
from fastback.kit.db.connect import connect
from fastback.kit.db.derived_tables import make_derived_tables
from fastback.kit.db.query import compile_statement

#: Arguments of functions that return a statement, where they cannot be enumerated from their types.
VARIANTS: dict[str, list[tuple[Any, ...]]] = {}
#: Modules with statements that are no constants, or with names that are not literal.
NOT_CONVERTED: set[str] = set()
#: Modules whose statements run on files and databases of their own; their tests run them there.
ELSEWHERE = (
    "fastback.kit.db.",
    "fastback.retrieval.embedding.cache",
    "fastback.retrieval.vectors.",
)
