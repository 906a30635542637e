"""The client of the collections, under its name for code without `await`."""

from __future__ import annotations

from fastback.plugin_host.open_webui.retrieval.vector.async_client import ASYNC_VECTOR_DB_CLIENT

VECTOR_DB_CLIENT = ASYNC_VECTOR_DB_CLIENT
