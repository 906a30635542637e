"""`/api/v1/retrieval`: the settings of documents, of the web and of the embedding engine."""

from __future__ import annotations

import logging
from typing import Any

import msgspec

from fastback import messages
from fastback.access.guards import AdminUser
from fastback.config import Config
from fastback.config.key import ConfigKey
from fastback.config.keys import retrieval as retrieval_keys
from fastback.features.retrieval import settings_pages
from fastback.features.retrieval.translation import Translation
from fastback.kit.http import BadRequest, Router
from fastback.retrieval.interfaces import Reranker, RetrievalError

log = logging.getLogger("fastback.retrieval")

router = Router("/api/v1/retrieval")

JsonObject = dict[str, Any]

WebForm = settings_pages.define_form("WebConfig", settings_pages.WEB)
ConfigForm = settings_pages.define_form("ConfigForm", settings_pages.DOCUMENTS, web=WebForm)


def _build_page(config: Config, translation: Translation, leave_out: frozenset[str] = frozenset()) -> JsonObject:
    def read_page(page: settings_pages.Page) -> JsonObject:
        return {
            field: config.get(key) if key else translation.language
            for field, (key, _) in page.items()
            if field not in leave_out
        }

    return {"status": True, **read_page(settings_pages.DOCUMENTS), "web": read_page(settings_pages.WEB)}


async def _can_rerank(config: Config, changed: JsonObject, reranker: Reranker) -> bool:
    """Return whether these settings allow reranking; without a working reranker hybrid search would fail."""

    def get_value(key: ConfigKey) -> Any:
        return changed.get(key, config.get(key))

    if not get_value(retrieval_keys.RAG_ENABLE_HYBRID_SEARCH) or get_value(
        retrieval_keys.RAG_BYPASS_EMBEDDING_AND_RETRIEVAL
    ):
        return True
    try:
        int(get_value(retrieval_keys.RAG_EXTERNAL_RERANKER_TIMEOUT) or 0)
        await reranker.check_model(
            get_value(retrieval_keys.RAG_RERANKING_ENGINE) or "", get_value(retrieval_keys.RAG_RERANKING_MODEL) or ""
        )
    except (ValueError, RetrievalError) as error:
        log.error("loading the reranker failed, switching hybrid search off: %s", error)
        return False
    return True


@router.get("/config")
async def get_config(user: AdminUser, config: Config, translation: Translation) -> JsonObject:
    return _build_page(config, translation)


@router.post("/config/update")
async def update_config(
    data: ConfigForm,  # type: ignore[valid-type]
    user: AdminUser,
    config: Config,
    translation: Translation,
    reranker: Reranker,
) -> JsonObject:
    """Save the fields that were sent. For documents null keeps the value; for the web null is a value."""
    sent_fields = settings_pages.get_sent_fields(data)
    web = sent_fields.pop("web", None)
    changed: JsonObject = {}
    for field, value in sent_fields.items():
        if value is None:
            continue
        if value == "" and field in settings_pages.CLEARED_BY_EMPTY:
            value = None
        elif field == "RAG_TOKENIZER_MODEL":
            value = value.strip()
        changed[settings_pages.DOCUMENTS[field][0]] = value
    if not await _can_rerank(config, changed, reranker):
        changed[retrieval_keys.RAG_ENABLE_HYBRID_SEARCH] = False
    for field, value in settings_pages.get_sent_fields(web).items() if web is not None else ():
        if field == settings_pages.TRANSLATION:
            translation.language = value
        elif value is not None or field not in settings_pages.KEPT_BY_NULL:
            changed[settings_pages.WEB[field][0]] = value
    await config.set_many(changed)
    return _build_page(config, translation, settings_pages.NOT_ECHOED)


class EngineForm(msgspec.Struct):
    url: str | None = None
    key: str | None = None


class AzureForm(msgspec.Struct):
    url: str | None = None
    key: str | None = None
    version: str | None = None


class EmbeddingForm(msgspec.Struct):
    RAG_EMBEDDING_ENGINE: str
    RAG_EMBEDDING_MODEL: str
    openai_config: EngineForm | None = None
    ollama_config: EngineForm | None = None
    azure_openai_config: AzureForm | None = None
    RAG_EMBEDDING_BATCH_SIZE: int | None = 1
    ENABLE_ASYNC_EMBEDDING: bool | None = True
    RAG_EMBEDDING_CONCURRENT_REQUESTS: int | None = 0


#: Fields of the page with their keys: those of all engines, and those of each.
_EMBEDDING = {
    "RAG_EMBEDDING_ENGINE": retrieval_keys.RAG_EMBEDDING_ENGINE,
    "RAG_EMBEDDING_MODEL": retrieval_keys.RAG_EMBEDDING_MODEL,
    "RAG_EMBEDDING_BATCH_SIZE": retrieval_keys.RAG_EMBEDDING_BATCH_SIZE,
    "ENABLE_ASYNC_EMBEDDING": retrieval_keys.RAG_ENABLE_ASYNC_EMBEDDING,
    "RAG_EMBEDDING_CONCURRENT_REQUESTS": retrieval_keys.RAG_EMBEDDING_CONCURRENT_REQUESTS,
}
_ENGINES = {
    "openai": {"url": retrieval_keys.RAG_OPENAI_API_BASE_URL, "key": retrieval_keys.RAG_OPENAI_API_KEY},
    "ollama": {"url": retrieval_keys.RAG_OLLAMA_BASE_URL, "key": retrieval_keys.RAG_OLLAMA_API_KEY},
    "azure_openai": {
        "url": retrieval_keys.RAG_AZURE_OPENAI_BASE_URL,
        "key": retrieval_keys.RAG_AZURE_OPENAI_API_KEY,
        "version": retrieval_keys.RAG_AZURE_OPENAI_API_VERSION,
    },
}


def _build_embedding_page(config: Config) -> JsonObject:
    page: JsonObject = {"status": True} | {field: config.get(key) for field, key in _EMBEDDING.items()}
    for engine, fields in _ENGINES.items():
        page[f"{engine}_config"] = {field: config.get(key) for field, key in fields.items()}
    return page


@router.get("/embedding")
async def get_embedding_config(user: AdminUser, config: Config) -> JsonObject:
    return _build_embedding_page(config)


@router.post("/embedding/update")
async def update_embedding_config(data: EmbeddingForm, user: AdminUser, config: Config) -> JsonObject:
    """Save where and how vectors are made, and the credentials of the chosen engine only. Nothing is embedded again."""
    engine = data.RAG_EMBEDDING_ENGINE
    if engine and engine not in _ENGINES:
        raise BadRequest(messages.wrap_reason("Error updating embedding configuration"))
    changed: JsonObject = {key: getattr(data, field) for field, key in _EMBEDDING.items()}
    changed[retrieval_keys.RAG_EMBEDDING_MODEL] = data.RAG_EMBEDDING_MODEL.strip()
    engine_form: EngineForm | AzureForm | None = getattr(data, f"{engine}_config") if engine else None
    if engine_form is not None:
        changed |= {key: getattr(engine_form, field) or "" for field, key in _ENGINES[engine].items()}
    await config.set_many(changed)
    return _build_embedding_page(config)
