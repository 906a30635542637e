"""The configuration of MinerU."""

from __future__ import annotations

from typing import Any

import msgspec

from fastback.config.keys.retrieval import (
    RAG_MINERU_API_KEY,
    RAG_MINERU_API_MODE,
    RAG_MINERU_API_TIMEOUT,
    RAG_MINERU_API_URL,
    RAG_MINERU_PARAMS,
)
from fastback.retrieval.extraction.engines.engine_client import REQUEST_TIMEOUT, EngineCall


class MinerUOptions(msgspec.Struct, frozen=True):
    """The configured options.

    Attributes:
        params: fields that are sent to the server unchanged.
        limit: seconds that the processing may take; None for no limit.
    """

    mode: str
    url: str
    key: str
    params: dict[str, Any]
    page_ranges: str
    limit: float | None

    @property
    def request_timeout(self) -> float:
        """Return the seconds that one request may take."""
        return self.limit or REQUEST_TIMEOUT

    @classmethod
    def from_config(cls, call: EngineCall) -> MinerUOptions:
        """Read the options from the configuration."""
        config = call.config
        params = dict(config.get_object(RAG_MINERU_PARAMS))
        page_ranges = str(params.pop("page_ranges", "") or "")
        configured_timeout = config.get_text(RAG_MINERU_API_TIMEOUT)
        return cls(
            mode=config.get_text(RAG_MINERU_API_MODE).lower(),
            url=config.get_text(RAG_MINERU_API_URL).rstrip("/"),
            key=config.get_text(RAG_MINERU_API_KEY),
            params=params,
            page_ranges=page_ranges,
            limit=(config.get_number(RAG_MINERU_API_TIMEOUT) or 300.0) if configured_timeout else None,
        )
