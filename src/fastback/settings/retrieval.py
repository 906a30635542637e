"""Settings of document search and of access to collections."""

from __future__ import annotations

from typing import Annotated

from fastback.settings.field import describe
from fastback.settings.vectors import VectorStoreSettings


class RetrievalSettings(VectorStoreSettings, frozen=True, kw_only=True):
    """Document search"""

    rag_system_context: Annotated[
        bool, describe("Put passages after the system prompt instead of before the question.")
    ] = False
    rag_source_metadata_keys: Annotated[
        str, describe("Additional metadata of a passage that a model receives: names separated by `,`.")
    ] = ""
    bypass_retrieval_access_control: Annotated[
        bool, describe("Allow questions to name any collection of passages, regardless of its owner.")
    ] = False
    enable_retrieval_unscoped_collections: Annotated[
        bool, describe("Allow every user to search collections that have no known owner.")
    ] = False
