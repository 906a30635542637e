"""Build the tools around files and knowledge."""

from __future__ import annotations

from fastback.completions.sources.external_sources import ExternalSources
from fastback.completions.sources.item_lookup import ItemLookup
from fastback.completions.tools.builtin.builtin_tool import BuiltinGroup
from fastback.completions.tools.builtin.knowledge.chat_file_tools import ChatFileTools
from fastback.completions.tools.builtin.knowledge.file_tools import FileTools
from fastback.completions.tools.builtin.knowledge.knowledge_tools import KnowledgeTools
from fastback.completions.tools.builtin.knowledge.overview_tools import OverviewTools
from fastback.completions.tools.builtin.knowledge.query_tools import PassageSearch, QueryTools
from fastback.completions.tools.builtin.knowledge.readable_knowledge import ReadableKnowledge
from fastback.completions.tools.builtin.knowledge.shell.file_system import FileSystemLoader
from fastback.completions.tools.builtin.knowledge.shell.kb_exec import KnowledgeShell
from fastback.config import Config
from fastback.features.files.access import FileAccess
from fastback.features.knowledge.file_list_store import KnowledgeFileLists
from fastback.features.notes.service import NoteService
from fastback.kit.services import Services
from fastback.records.listing import RecordCatalog
from fastback.retrieval.search.retriever import Retriever
from fastback.settings import Settings


def build_file_groups(services: Services) -> list[BuiltinGroup]:
    """Build the groups: the files of a chat, and knowledge."""
    settings, retriever, lookup = services.get(Settings), services.get(Retriever), services.get(ItemLookup)
    knowledge = ReadableKnowledge(services.get(RecordCatalog), services.get(FileAccess))
    passages = PassageSearch(db=knowledge.db, retriever=retriever, metadata_keys=settings.rag_source_metadata_keys)
    queries = QueryTools(
        knowledge=knowledge,
        passages=passages,
        retriever=retriever,
        lookup=lookup,
        external_sources=services.get(ExternalSources),
    )
    files = FileTools(knowledge, settings)
    chat_files = ChatFileTools(
        config=services.get(Config), knowledge=knowledge, passages=passages, files=files, settings=settings
    )
    lists = services.get(KnowledgeFileLists)
    shell = KnowledgeShell(db=knowledge.db, loader=FileSystemLoader(knowledge, lists), settings=settings)
    tools = KnowledgeTools(
        knowledge=knowledge,
        overview=OverviewTools(knowledge, lists, lookup),
        queries=queries,
        files=files,
        notes=services.get(NoteService),
        shell=shell,
        settings=settings,
    )
    return [chat_files, tools]
