"""Settings: what is found in documents, and who may search where."""

from __future__ import annotations

from typing import Annotated

from fastback.settings.field import about
from fastback.settings.vectors import Vectors


class Retrieving(Vectors, frozen=True, kw_only=True):
    """Searching documents"""

    rag_system_context: Annotated[
        bool, about("Put passages behind the system prompt, instead of before the question.")
    ] = False
    rag_source_metadata_keys: Annotated[
        str, about("What else of a passage's metadata a model is shown, names separated by `,`.")
    ] = ""
    bypass_retrieval_access_control: Annotated[
        bool, about("Let questions name any collection of passages, whoever it belongs to.")
    ] = False
    enable_retrieval_unscoped_collections: Annotated[
        bool, about("Let everybody search collections that belong to nobody known.")
    ] = False
