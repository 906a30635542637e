"""Settings of embedding."""

from __future__ import annotations

from typing import Annotated

from fastback.settings.documents import DocumentSettings
from fastback.settings.field import describe


class EmbeddingSettings(DocumentSettings, frozen=True, kw_only=True):
    """Embedding"""

    rag_embedding_query_prefix: Annotated[str | None, describe("Text put before a query when it is embedded.")] = None
    rag_embedding_content_prefix: Annotated[str | None, describe("Text put before a chunk when it is embedded.")] = None
    rag_embedding_prefix_field_name: Annotated[
        str | None,
        describe(
            "Field of an embedding request that contains the prefix, for servers that expect it apart from the text."
        ),
    ] = None
    rag_metadata_max_value_chars: Annotated[
        int | None,
        describe("Longest list or object in the metadata of a chunk, in characters; longer ones are removed."),
    ] = None
    sentence_transformers_home: Annotated[
        str,
        describe(
            "Directory with models in the layout of the Hugging Face cache. The cache of Hugging Face is searched, too."
        ),
    ] = ""
    sentence_transformers_cross_encoder_sigmoid_activation_function: Annotated[
        bool,
        describe(
            "Map the scores of a local reranking model to the range 0 to 1; when off, the model decides their range."
        ),
    ] = True
    fastback_embedding_cache_mb: Annotated[
        int, describe("MiB of memory that cache the vectors of texts; 0 turns the cache off.", minimum=0)
    ] = 256
