"""Settings of documents."""

from __future__ import annotations

from typing import Annotated

from fastback.settings.chat import UserForwardingSettings
from fastback.settings.field import describe


class DocumentSettings(UserForwardingSettings, frozen=True, kw_only=True):
    """Documents"""

    enable_rag_csv_summary: Annotated[bool, describe("Begin the text of a table with its size and its columns.")] = (
        False
    )
    tiktoken_cache_dir: Annotated[
        str, describe("Directory for token encodings; `tiktoken` in the cache directory when empty.")
    ] = ""
    rapidocr_params: Annotated[
        str,
        describe(
            "Options of RapidOCR, as a JSON object. If it is installed, RapidOCR reads the text in images of PDF files."
        ),
    ] = '{"EngineConfig.onnxruntime.intra_op_num_threads": 1}'
    mineru_max_markdown_bytes: Annotated[
        int | None,
        describe("Highest number of bytes of a text in an archive from MinerU; 128 MB when unset.", minimum=1),
    ] = None
    enable_knowledge_file_retention: Annotated[bool, describe("Keep files that are removed from a knowledge base.")] = (
        False
    )
    rag_file_content_search_max_chars: Annotated[
        int, describe("Number of characters of a file's text that file searches read.", minimum=0)
    ] = 64 * 1024 * 1024
