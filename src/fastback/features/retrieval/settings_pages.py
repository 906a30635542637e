"""The pages "Documents" and "Web Search": fields, their configuration keys and their types."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from fastback.config.key import ConfigKey
from fastback.config.keys import retrieval as retrieval_keys
from fastback.config.keys import web as web_keys
from fastback.config.keys.features import GOOGLE_DRIVE_ENABLE, ONEDRIVE_ENABLE

#: The key is empty where the configuration has none.
Page = dict[str, tuple[ConfigKey, Any]]

DOCUMENTS: Page = {
    "RAG_TEMPLATE": (retrieval_keys.RAG_TEMPLATE, str),
    "TOP_K": (retrieval_keys.RAG_TOP_K, int),
    "BYPASS_EMBEDDING_AND_RETRIEVAL": (retrieval_keys.RAG_BYPASS_EMBEDDING_AND_RETRIEVAL, bool),
    "RAG_FULL_CONTEXT": (retrieval_keys.RAG_FULL_CONTEXT, bool),
    "ENABLE_RAG_HYBRID_SEARCH": (retrieval_keys.RAG_ENABLE_HYBRID_SEARCH, bool),
    "ENABLE_RAG_HYBRID_SEARCH_ENRICHED_TEXTS": (retrieval_keys.RAG_ENABLE_HYBRID_SEARCH_ENRICHED_TEXTS, bool),
    "TOP_K_RERANKER": (retrieval_keys.RAG_TOP_K_RERANKER, int),
    "RELEVANCE_THRESHOLD": (retrieval_keys.RAG_RELEVANCE_THRESHOLD, float),
    "HYBRID_BM25_WEIGHT": (retrieval_keys.RAG_HYBRID_BM25_WEIGHT, float),
    "CONTENT_EXTRACTION_ENGINE": (retrieval_keys.RAG_CONTENT_EXTRACTION_ENGINE, str),
    "CONTENT_EXTRACTION_SUPPORTED_MEDIA_MIME_TYPES": (
        retrieval_keys.RAG_CONTENT_EXTRACTION_SUPPORTED_MEDIA_MIME_TYPES,
        list[str],
    ),
    "PDF_EXTRACT_IMAGES": (retrieval_keys.RAG_PDF_EXTRACT_IMAGES, bool),
    "PDF_LOADER_MODE": (retrieval_keys.RAG_PDF_LOADER_MODE, str),
    "DATALAB_MARKER_API_KEY": (retrieval_keys.RAG_DATALAB_MARKER_API_KEY, str),
    "DATALAB_MARKER_API_BASE_URL": (retrieval_keys.RAG_DATALAB_MARKER_API_BASE_URL, str),
    "DATALAB_MARKER_ADDITIONAL_CONFIG": (retrieval_keys.RAG_DATALAB_MARKER_ADDITIONAL_CONFIG, str),
    "DATALAB_MARKER_SKIP_CACHE": (retrieval_keys.RAG_DATALAB_MARKER_SKIP_CACHE, bool),
    "DATALAB_MARKER_FORCE_OCR": (retrieval_keys.RAG_DATALAB_MARKER_FORCE_OCR, bool),
    "DATALAB_MARKER_PAGINATE": (retrieval_keys.RAG_DATALAB_MARKER_PAGINATE, bool),
    "DATALAB_MARKER_STRIP_EXISTING_OCR": (retrieval_keys.RAG_DATALAB_MARKER_STRIP_EXISTING_OCR, bool),
    "DATALAB_MARKER_DISABLE_IMAGE_EXTRACTION": (retrieval_keys.RAG_DATALAB_MARKER_DISABLE_IMAGE_EXTRACTION, bool),
    "DATALAB_MARKER_FORMAT_LINES": (retrieval_keys.RAG_DATALAB_MARKER_FORMAT_LINES, bool),
    "DATALAB_MARKER_USE_LLM": (retrieval_keys.RAG_DATALAB_MARKER_USE_LLM, bool),
    "DATALAB_MARKER_OUTPUT_FORMAT": (retrieval_keys.RAG_DATALAB_MARKER_OUTPUT_FORMAT, str),
    "EXTERNAL_DOCUMENT_LOADER_URL": (retrieval_keys.RAG_EXTERNAL_DOCUMENT_LOADER_URL, str),
    "EXTERNAL_DOCUMENT_LOADER_API_KEY": (retrieval_keys.RAG_EXTERNAL_DOCUMENT_LOADER_API_KEY, str),
    "EXTERNAL_DOCUMENT_LOADER_HEADERS": (retrieval_keys.RAG_EXTERNAL_DOCUMENT_LOADER_HEADERS, dict[str, Any]),
    "TIKA_SERVER_URL": (retrieval_keys.RAG_TIKA_SERVER_URL, str),
    "TIKA_SERVER_VERSION": (retrieval_keys.RAG_TIKA_SERVER_VERSION, str),
    "DOCLING_SERVER_URL": (retrieval_keys.RAG_DOCLING_SERVER_URL, str),
    "DOCLING_API_KEY": (retrieval_keys.RAG_DOCLING_API_KEY, str),
    "DOCLING_PARAMS": (retrieval_keys.RAG_DOCLING_PARAMS, dict[str, Any]),
    "DOCUMENT_INTELLIGENCE_ENDPOINT": (retrieval_keys.RAG_DOCUMENT_INTELLIGENCE_ENDPOINT, str),
    "DOCUMENT_INTELLIGENCE_KEY": (retrieval_keys.RAG_DOCUMENT_INTELLIGENCE_KEY, str),
    "DOCUMENT_INTELLIGENCE_MODEL": (retrieval_keys.RAG_DOCUMENT_INTELLIGENCE_MODEL, str),
    "MISTRAL_OCR_API_BASE_URL": (retrieval_keys.RAG_MISTRAL_OCR_API_BASE_URL, str),
    "MISTRAL_OCR_API_KEY": (retrieval_keys.RAG_MISTRAL_OCR_API_KEY, str),
    "MISTRAL_OCR_USE_BASE64": (retrieval_keys.RAG_MISTRAL_OCR_USE_BASE64, bool),
    "PADDLEOCR_VL_BASE_URL": (retrieval_keys.RAG_PADDLEOCR_VL_BASE_URL, str),
    "PADDLEOCR_VL_TOKEN": (retrieval_keys.RAG_PADDLEOCR_VL_TOKEN, str),
    "MINERU_API_MODE": (retrieval_keys.RAG_MINERU_API_MODE, str),
    "MINERU_API_URL": (retrieval_keys.RAG_MINERU_API_URL, str),
    "MINERU_API_KEY": (retrieval_keys.RAG_MINERU_API_KEY, str),
    "MINERU_API_TIMEOUT": (retrieval_keys.RAG_MINERU_API_TIMEOUT, int),
    "MINERU_PARAMS": (retrieval_keys.RAG_MINERU_PARAMS, dict[str, Any]),
    "MINERU_FILE_EXTENSIONS": (retrieval_keys.RAG_MINERU_FILE_EXTENSIONS, list[str]),
    "RAG_RERANKING_MODEL": (retrieval_keys.RAG_RERANKING_MODEL, str),
    "RAG_RERANKING_ENGINE": (retrieval_keys.RAG_RERANKING_ENGINE, str),
    "RAG_RERANKING_BATCH_SIZE": (retrieval_keys.RAG_RERANKING_BATCH_SIZE, int),
    "RAG_EXTERNAL_RERANKER_URL": (retrieval_keys.RAG_EXTERNAL_RERANKER_URL, str),
    "RAG_EXTERNAL_RERANKER_API_KEY": (retrieval_keys.RAG_EXTERNAL_RERANKER_API_KEY, str),
    "RAG_EXTERNAL_RERANKER_TIMEOUT": (retrieval_keys.RAG_EXTERNAL_RERANKER_TIMEOUT, str),
    "TEXT_SPLITTER": (retrieval_keys.RAG_TEXT_SPLITTER, str),
    "RAG_TOKENIZER_MODEL": (retrieval_keys.RAG_TOKENIZER_MODEL, str),
    "ENABLE_MARKDOWN_HEADER_TEXT_SPLITTER": (retrieval_keys.RAG_ENABLE_MARKDOWN_HEADER_TEXT_SPLITTER, bool),
    "CHUNK_SIZE": (retrieval_keys.RAG_CHUNK_SIZE, int),
    "CHUNK_MIN_SIZE_TARGET": (retrieval_keys.RAG_CHUNK_MIN_SIZE_TARGET, int),
    "CHUNK_OVERLAP": (retrieval_keys.RAG_CHUNK_OVERLAP, int),
    "FILE_MAX_SIZE": (retrieval_keys.RAG_FILE_MAX_SIZE, int | str),
    "FILE_MAX_COUNT": (retrieval_keys.RAG_FILE_MAX_COUNT, int | str),
    "FILE_IMAGE_COMPRESSION_WIDTH": (retrieval_keys.FILE_IMAGE_COMPRESSION_WIDTH, int | str),
    "FILE_IMAGE_COMPRESSION_HEIGHT": (retrieval_keys.FILE_IMAGE_COMPRESSION_HEIGHT, int | str),
    "ALLOWED_FILE_EXTENSIONS": (retrieval_keys.RAG_FILE_ALLOWED_EXTENSIONS, list[str]),
    "ENABLE_GOOGLE_DRIVE_INTEGRATION": (GOOGLE_DRIVE_ENABLE, bool),
    "ENABLE_ONEDRIVE_INTEGRATION": (ONEDRIVE_ENABLE, bool),
}

WEB: Page = {
    "ENABLE_WEB_SEARCH": (web_keys.WEB_SEARCH_ENABLE, bool),
    "ENABLE_WEB_SEARCH_CONFIRMATION": (web_keys.WEB_SEARCH_CONFIRMATION_ENABLE, bool),
    "WEB_SEARCH_CONFIRMATION_CONTENT": (web_keys.WEB_SEARCH_CONFIRMATION_CONTENT, str),
    "WEB_SEARCH_ENGINE": (web_keys.WEB_SEARCH_ENGINE, str),
    "WEB_SEARCH_TRUST_ENV": (web_keys.WEB_SEARCH_TRUST_ENV, bool),
    "WEB_SEARCH_RESULT_COUNT": (web_keys.WEB_SEARCH_RESULT_COUNT, int),
    "WEB_SEARCH_CONCURRENT_REQUESTS": (web_keys.WEB_SEARCH_CONCURRENT_REQUESTS, int),
    "WEB_FETCH_MAX_CONTENT_LENGTH": (web_keys.WEB_FETCH_MAX_CONTENT_LENGTH, int),
    "WEB_LOADER_CONCURRENT_REQUESTS": (web_keys.WEB_LOADER_CONCURRENT_REQUESTS, int),
    "WEB_SEARCH_DOMAIN_FILTER_LIST": (web_keys.WEB_SEARCH_DOMAIN_FILTER_LIST, list[str]),
    "BYPASS_WEB_SEARCH_EMBEDDING_AND_RETRIEVAL": (web_keys.WEB_SEARCH_BYPASS_EMBEDDING_AND_RETRIEVAL, bool),
    "BYPASS_WEB_SEARCH_WEB_LOADER": (web_keys.WEB_SEARCH_BYPASS_WEB_LOADER, bool),
    "OLLAMA_CLOUD_WEB_SEARCH_API_KEY": (web_keys.WEB_SEARCH_OLLAMA_CLOUD_API_KEY, str),
    "SEARXNG_QUERY_URL": (web_keys.WEB_SEARCH_SEARXNG_QUERY_URL, str),
    "SEARXNG_LANGUAGE": (web_keys.WEB_SEARCH_SEARXNG_LANGUAGE, str),
    "OPENSERP_BASE_URL": (web_keys.WEB_SEARCH_OPENSERP_BASE_URL, str),
    "YACY_QUERY_URL": (web_keys.WEB_SEARCH_YACY_QUERY_URL, str),
    "YACY_USERNAME": (web_keys.WEB_SEARCH_YACY_USERNAME, str),
    "YACY_PASSWORD": (web_keys.WEB_SEARCH_YACY_PASSWORD, str),
    "GOOGLE_PSE_API_KEY": (web_keys.WEB_SEARCH_GOOGLE_PSE_API_KEY, str),
    "GOOGLE_PSE_ENGINE_ID": (web_keys.WEB_SEARCH_GOOGLE_PSE_ENGINE_ID, str),
    "BRAVE_SEARCH_API_KEY": (web_keys.WEB_SEARCH_BRAVE_SEARCH_API_KEY, str),
    "BRAVE_SEARCH_CONTEXT_TOKENS": (web_keys.WEB_SEARCH_BRAVE_SEARCH_CONTEXT_TOKENS, int),
    "KAGI_SEARCH_API_KEY": (web_keys.WEB_SEARCH_KAGI_SEARCH_API_KEY, str),
    "MOJEEK_SEARCH_API_KEY": (web_keys.WEB_SEARCH_MOJEEK_SEARCH_API_KEY, str),
    "BOCHA_SEARCH_API_KEY": (web_keys.WEB_SEARCH_BOCHA_SEARCH_API_KEY, str),
    "SERPSTACK_API_KEY": (web_keys.WEB_SEARCH_SERPSTACK_API_KEY, str),
    "SERPSTACK_HTTPS": (web_keys.WEB_SEARCH_SERPSTACK_HTTPS, bool),
    "SERPER_API_KEY": (web_keys.WEB_SEARCH_SERPER_API_KEY, str),
    "SERPHOUSE_API_KEY": (web_keys.WEB_SEARCH_SERPHOUSE_API_KEY, str),
    "SERPHOUSE_DOMAIN": (web_keys.WEB_SEARCH_SERPHOUSE_DOMAIN, str),
    "SERPLY_API_KEY": (web_keys.WEB_SEARCH_SERPLY_API_KEY, str),
    "DDGS_BACKEND": (web_keys.WEB_SEARCH_DDGS_BACKEND, str),
    "TAVILY_API_KEY": (web_keys.WEB_SEARCH_TAVILY_API_KEY, str),
    "STAAN_API_KEY": (web_keys.WEB_SEARCH_STAAN_API_KEY, str),
    "STAAN_MARKET": (web_keys.WEB_SEARCH_STAAN_MARKET, str),
    "STAAN_MAX_SNIPPETS": (web_keys.WEB_SEARCH_STAAN_MAX_SNIPPETS, int),
    "SEARCHAPI_API_KEY": (web_keys.WEB_SEARCH_SEARCHAPI_API_KEY, str),
    "SEARCHAPI_ENGINE": (web_keys.WEB_SEARCH_SEARCHAPI_ENGINE, str),
    "SERPAPI_API_KEY": (web_keys.WEB_SEARCH_SERPAPI_API_KEY, str),
    "SERPAPI_ENGINE": (web_keys.WEB_SEARCH_SERPAPI_ENGINE, str),
    "JINA_API_KEY": (web_keys.WEB_SEARCH_JINA_API_KEY, str),
    "JINA_API_BASE_URL": (web_keys.WEB_SEARCH_JINA_API_BASE_URL, str),
    "BING_SEARCH_V7_ENDPOINT": (web_keys.WEB_SEARCH_BING_SEARCH_V7_ENDPOINT, str),
    "BING_SEARCH_V7_SUBSCRIPTION_KEY": (web_keys.WEB_SEARCH_BING_SEARCH_V7_SUBSCRIPTION_KEY, str),
    "EXA_API_KEY": (web_keys.WEB_SEARCH_EXA_API_KEY, str),
    "EXA_MAX_CONTENT_LENGTH": (web_keys.WEB_SEARCH_EXA_MAX_CONTENT_LENGTH, Annotated[int, msgspec.Meta(gt=0)]),
    "PERPLEXITY_API_KEY": (web_keys.WEB_SEARCH_PERPLEXITY_API_KEY, str),
    "PERPLEXITY_MODEL": (web_keys.WEB_SEARCH_PERPLEXITY_MODEL, str),
    "PERPLEXITY_SEARCH_CONTEXT_USAGE": (web_keys.WEB_SEARCH_PERPLEXITY_SEARCH_CONTEXT_USAGE, str),
    "PERPLEXITY_SEARCH_API_URL": (web_keys.WEB_SEARCH_PERPLEXITY_SEARCH_API_URL, str),
    "MICROSOFT_WEB_IQ_API_BASE_URL": (web_keys.WEB_SEARCH_MICROSOFT_WEB_IQ_API_BASE_URL, str),
    "MICROSOFT_WEB_IQ_API_KEY": (web_keys.WEB_SEARCH_MICROSOFT_WEB_IQ_API_KEY, str),
    "MICROSOFT_WEB_IQ_LANGUAGE": (web_keys.WEB_SEARCH_MICROSOFT_WEB_IQ_LANGUAGE, str),
    "SOUGOU_API_SID": (web_keys.WEB_SEARCH_SOUGOU_API_SID, str),
    "SOUGOU_API_SK": (web_keys.WEB_SEARCH_SOUGOU_API_SK, str),
    "WEB_LOADER_ENGINE": (web_keys.WEB_LOADER_ENGINE, str),
    "WEB_LOADER_TIMEOUT": (web_keys.WEB_LOADER_TIMEOUT, str),
    "ENABLE_WEB_LOADER_SSL_VERIFICATION": (web_keys.WEB_LOADER_SSL_VERIFICATION, bool),
    "PLAYWRIGHT_WS_URL": (web_keys.WEB_LOADER_PLAYWRIGHT_WS_URL, str),
    "PLAYWRIGHT_TIMEOUT": (web_keys.WEB_LOADER_PLAYWRIGHT_TIMEOUT, int),
    "FIRECRAWL_API_KEY": (web_keys.WEB_LOADER_FIRECRAWL_API_KEY, str),
    "FIRECRAWL_API_BASE_URL": (web_keys.WEB_LOADER_FIRECRAWL_API_URL, str),
    "FIRECRAWL_TIMEOUT": (web_keys.WEB_LOADER_FIRECRAWL_TIMEOUT, str),
    "TAVILY_EXTRACT_DEPTH": (web_keys.WEB_SEARCH_TAVILY_EXTRACT_DEPTH, str),
    "TAVILY_SEARCH_DEPTH": (web_keys.WEB_SEARCH_TAVILY_SEARCH_DEPTH, str),
    "EXTERNAL_WEB_SEARCH_URL": (web_keys.WEB_SEARCH_EXTERNAL_WEB_SEARCH_URL, str),
    "EXTERNAL_WEB_SEARCH_API_KEY": (web_keys.WEB_SEARCH_EXTERNAL_WEB_SEARCH_API_KEY, str),
    "EXTERNAL_WEB_LOADER_URL": (web_keys.WEB_LOADER_EXTERNAL_WEB_LOADER_URL, str),
    "EXTERNAL_WEB_LOADER_API_KEY": (web_keys.WEB_LOADER_EXTERNAL_WEB_LOADER_API_KEY, str),
    "YOUTUBE_LOADER_LANGUAGE": (retrieval_keys.RAG_YOUTUBE_LOADER_LANGUAGE, list[str]),
    "YOUTUBE_LOADER_PROXY_URL": (retrieval_keys.RAG_YOUTUBE_LOADER_PROXY_URL, str),
    "YOUTUBE_LOADER_TRANSLATION": (ConfigKey(""), str),
    "YANDEX_WEB_SEARCH_URL": (web_keys.WEB_SEARCH_YANDEX_WEB_SEARCH_URL, str),
    "YANDEX_WEB_SEARCH_API_KEY": (web_keys.WEB_SEARCH_YANDEX_WEB_SEARCH_API_KEY, str),
    "YANDEX_WEB_SEARCH_CONFIG": (web_keys.WEB_SEARCH_YANDEX_WEB_SEARCH_CONFIG, str),
    "YOUCOM_API_KEY": (web_keys.WEB_SEARCH_YOUCOM_API_KEY, str),
    "LINKUP_API_KEY": (web_keys.WEB_SEARCH_LINKUP_API_KEY, str),
    "LINKUP_SEARCH_PARAMS": (web_keys.WEB_SEARCH_LINKUP_SEARCH_PARAMS, dict[str, Any]),
}

#: Fields that are saved without being shown in the answer to that.
NOT_ECHOED = frozenset(
    {
        "ENABLE_RAG_HYBRID_SEARCH_ENRICHED_TEXTS",
        "DATALAB_MARKER_FORMAT_LINES",
        "MINERU_FILE_EXTENSIONS",
        "RAG_RERANKING_BATCH_SIZE",
        "DDGS_BACKEND",
    }
)
#: Fields of the web that null leaves unchanged.
KEPT_BY_NULL = frozenset({"BRAVE_SEARCH_CONTEXT_TOKENS"})
#: Fields that an empty text clears, which means no limit.
CLEARED_BY_EMPTY = frozenset(
    {"FILE_MAX_SIZE", "FILE_MAX_COUNT", "FILE_IMAGE_COMPRESSION_WIDTH", "FILE_IMAGE_COMPRESSION_HEIGHT"}
)
#: The language of requested transcripts, kept until the process ends.
TRANSLATION = "YOUTUBE_LOADER_TRANSLATION"


def define_form(name: str, page: Page, **more: Any) -> type[msgspec.Struct]:
    """Define the form of a page: all its fields are optional and nullable; `more` are further fields by type."""
    fields = {field: kind for field, (_, kind) in page.items()} | more
    return msgspec.defstruct(
        name, [(field, kind | None | msgspec.UnsetType, msgspec.UNSET) for field, kind in fields.items()]
    )


def get_sent_fields(data: msgspec.Struct) -> dict[str, Any]:
    """Return the fields that the request contained."""
    return {name: value for name, value in msgspec.structs.asdict(data).items() if value is not msgspec.UNSET}
