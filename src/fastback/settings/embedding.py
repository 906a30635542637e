"""Settings: embedding and vector stores."""

from __future__ import annotations

from typing import Annotated

from fastback.settings.documents import Documents
from fastback.settings.field import about


class Embedding(Documents, frozen=True, kw_only=True):
    """Embedding"""

    rag_embedding_query_prefix: Annotated[str | None, about("Put before questions that are embedded.")] = None
    rag_embedding_content_prefix: Annotated[str | None, about("Put before chunks that are embedded.")] = None
    rag_embedding_prefix_field_name: Annotated[
        str | None, about("Field of a request that takes the prefix, for servers that want it apart from the text.")
    ] = None
    rag_metadata_max_value_chars: Annotated[
        int | None, about("Longest list or object in a chunk's metadata, in characters; longer ones are left out.")
    ] = None
    sentence_transformers_home: Annotated[
        str, about("Directory with models as Hugging Face's libraries keep them; theirs is looked in, too.")
    ] = ""
    sentence_transformers_cross_encoder_sigmoid_activation_function: Annotated[
        bool,
        about("Scores of a reranking model on this machine lie between 0 and 1; otherwise where the model wants them."),
    ] = True
    fastback_embedding_cache_mb: Annotated[
        int, about("MiB of vectors that are remembered by their texts; 0: none.", least=0)
    ] = 256
