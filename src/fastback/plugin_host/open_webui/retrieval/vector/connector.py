"""The former place of `factory`."""

from __future__ import annotations

from fastback.plugin_host.open_webui.retrieval.vector.factory import VECTOR_DB_CLIENT as VECTOR_DB_CLIENT
