"""What is configured of MinerU."""

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
from fastback.retrieval.extraction.engines.engine_client import SECONDS, Call


class Options(msgspec.Struct, frozen=True):
    """Attributes:
    params: fields that are passed on as they are.
    limit: seconds it may take; None for as long as it likes.
    """

    mode: str
    url: str
    key: str
    params: dict[str, Any]
    page_ranges: str
    limit: float | None

    @property
    def seconds(self) -> float:
        """How long one call may take."""
        return self.limit or SECONDS

    @classmethod
    def of(cls, call: Call) -> Options:
        config = call.config
        params = dict(config.table(RAG_MINERU_PARAMS))
        page_ranges = str(params.pop("page_ranges", "") or "")
        chosen = config.text(RAG_MINERU_API_TIMEOUT)
        return cls(
            mode=config.text(RAG_MINERU_API_MODE).lower(),
            url=config.text(RAG_MINERU_API_URL).rstrip("/"),
            key=config.text(RAG_MINERU_API_KEY),
            params=params,
            page_ranges=page_ranges,
            limit=(config.number(RAG_MINERU_API_TIMEOUT) or 300.0) if chosen else None,
        )
