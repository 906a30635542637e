"""Settings: documents."""

from __future__ import annotations

from typing import Annotated

from fastback.settings.chat import Forwarding
from fastback.settings.field import about


class Documents(Forwarding, frozen=True, kw_only=True):
    """Documents"""

    enable_rag_csv_summary: Annotated[bool, about("Begin a table's text with its size and its columns.")] = False
    tiktoken_cache_dir: Annotated[
        str, about("Where token encodings are kept; `tiktoken` in the cache directory when empty.")
    ] = ""
    rapidocr_params: Annotated[
        str, about("Options of RapidOCR, which reads pictures in PDFs where it is installed: a JSON object.")
    ] = '{"EngineConfig.onnxruntime.intra_op_num_threads": 1}'
    mineru_max_markdown_bytes: Annotated[
        int | None, about("Bytes of a text in an archive of MinerU's; 128 MB when unset.", least=1)
    ] = None
    enable_knowledge_file_retention: Annotated[
        bool, about("Keep files that are taken out of the knowledge they lie in.")
    ] = False
    rag_file_content_search_max_chars: Annotated[
        int, about("Characters of a file's text that searches of files look through.", least=0)
    ] = 64 * 1024 * 1024
