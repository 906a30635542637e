"""Settings of document search and of access to collections."""

from __future__ import annotations

from typing import Annotated

from fastback.settings.field import about
from fastback.settings.vectors import Vectors


class Retrieving(Vectors, frozen=True, kw_only=True):
    """Document search"""

    rag_system_context: Annotated[
        bool, about("Put passages after the system prompt instead of before the question.")
    ] = False
    rag_source_metadata_keys: Annotated[
        str, about("Additional metadata of a passage that a model receives: names separated by `,`.")
    ] = ""
    bypass_retrieval_access_control: Annotated[
        bool, about("Allow questions to name any collection of passages, whoever owns it.")
    ] = False
    enable_retrieval_unscoped_collections: Annotated[
        bool, about("Allow every user to search collections that have no known owner.")
    ] = False
