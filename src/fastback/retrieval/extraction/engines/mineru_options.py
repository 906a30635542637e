"""What is configured of MinerU."""

from __future__ import annotations

from typing import Any

import msgspec

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
        params = dict(config.table("rag.mineru_params"))
        page_ranges = str(params.pop("page_ranges", "") or "")
        chosen = config.text("rag.mineru_api_timeout")
        return cls(
            mode=config.text("rag.mineru_api_mode").lower(),
            url=config.text("rag.mineru_api_url").rstrip("/"),
            key=config.text("rag.mineru_api_key"),
            params=params,
            page_ranges=page_ranges,
            limit=(config.number("rag.mineru_api_timeout") or 300.0) if chosen else None,
        )
