"""The pages "Documents" and "Web Search": field of the page, key of the configuration, type of the field."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

#: The key is empty where the configuration has none.
Page = dict[str, tuple[str, Any]]

DOCUMENTS: Page = {
    "RAG_TEMPLATE": ("rag.template", str),
    "TOP_K": ("rag.top_k", int),
    "BYPASS_EMBEDDING_AND_RETRIEVAL": ("rag.bypass_embedding_and_retrieval", bool),
    "RAG_FULL_CONTEXT": ("rag.full_context", bool),
    "ENABLE_RAG_HYBRID_SEARCH": ("rag.enable_hybrid_search", bool),
    "ENABLE_RAG_HYBRID_SEARCH_ENRICHED_TEXTS": ("rag.enable_hybrid_search_enriched_texts", bool),
    "TOP_K_RERANKER": ("rag.top_k_reranker", int),
    "RELEVANCE_THRESHOLD": ("rag.relevance_threshold", float),
    "HYBRID_BM25_WEIGHT": ("rag.hybrid_bm25_weight", float),
    "CONTENT_EXTRACTION_ENGINE": ("rag.content_extraction_engine", str),
    "CONTENT_EXTRACTION_SUPPORTED_MEDIA_MIME_TYPES": ("rag.content_extraction.supported_media_mime_types", list[str]),
    "PDF_EXTRACT_IMAGES": ("rag.pdf_extract_images", bool),
    "PDF_LOADER_MODE": ("rag.pdf_loader_mode", str),
    "DATALAB_MARKER_API_KEY": ("rag.datalab_marker_api_key", str),
    "DATALAB_MARKER_API_BASE_URL": ("rag.datalab_marker_api_base_url", str),
    "DATALAB_MARKER_ADDITIONAL_CONFIG": ("rag.datalab_marker_additional_config", str),
    "DATALAB_MARKER_SKIP_CACHE": ("rag.datalab_marker_skip_cache", bool),
    "DATALAB_MARKER_FORCE_OCR": ("rag.datalab_marker_force_ocr", bool),
    "DATALAB_MARKER_PAGINATE": ("rag.datalab_marker_paginate", bool),
    "DATALAB_MARKER_STRIP_EXISTING_OCR": ("rag.datalab_marker_strip_existing_ocr", bool),
    "DATALAB_MARKER_DISABLE_IMAGE_EXTRACTION": ("rag.datalab_marker_disable_image_extraction", bool),
    "DATALAB_MARKER_FORMAT_LINES": ("rag.datalab_marker_format_lines", bool),
    "DATALAB_MARKER_USE_LLM": ("rag.datalab_marker_use_llm", bool),
    "DATALAB_MARKER_OUTPUT_FORMAT": ("rag.datalab_marker_output_format", str),
    "EXTERNAL_DOCUMENT_LOADER_URL": ("rag.external_document_loader_url", str),
    "EXTERNAL_DOCUMENT_LOADER_API_KEY": ("rag.external_document_loader_api_key", str),
    "EXTERNAL_DOCUMENT_LOADER_HEADERS": ("rag.external_document_loader_headers", dict[str, Any]),
    "TIKA_SERVER_URL": ("rag.tika_server_url", str),
    "TIKA_SERVER_VERSION": ("rag.tika_server_version", str),
    "DOCLING_SERVER_URL": ("rag.docling_server_url", str),
    "DOCLING_API_KEY": ("rag.docling_api_key", str),
    "DOCLING_PARAMS": ("rag.docling_params", dict[str, Any]),
    "DOCUMENT_INTELLIGENCE_ENDPOINT": ("rag.document_intelligence_endpoint", str),
    "DOCUMENT_INTELLIGENCE_KEY": ("rag.document_intelligence_key", str),
    "DOCUMENT_INTELLIGENCE_MODEL": ("rag.document_intelligence_model", str),
    "MISTRAL_OCR_API_BASE_URL": ("rag.mistral_ocr_api_base_url", str),
    "MISTRAL_OCR_API_KEY": ("rag.mistral_ocr_api_key", str),
    "MISTRAL_OCR_USE_BASE64": ("rag.mistral_ocr_use_base64", bool),
    "PADDLEOCR_VL_BASE_URL": ("rag.paddleocr_vl_base_url", str),
    "PADDLEOCR_VL_TOKEN": ("rag.paddleocr_vl_token", str),
    "MINERU_API_MODE": ("rag.mineru_api_mode", str),
    "MINERU_API_URL": ("rag.mineru_api_url", str),
    "MINERU_API_KEY": ("rag.mineru_api_key", str),
    "MINERU_API_TIMEOUT": ("rag.mineru_api_timeout", int),
    "MINERU_PARAMS": ("rag.mineru_params", dict[str, Any]),
    "MINERU_FILE_EXTENSIONS": ("rag.mineru_file_extensions", list[str]),
    "RAG_RERANKING_MODEL": ("rag.reranking_model", str),
    "RAG_RERANKING_ENGINE": ("rag.reranking_engine", str),
    "RAG_RERANKING_BATCH_SIZE": ("rag.reranking_batch_size", int),
    "RAG_EXTERNAL_RERANKER_URL": ("rag.external_reranker_url", str),
    "RAG_EXTERNAL_RERANKER_API_KEY": ("rag.external_reranker_api_key", str),
    "RAG_EXTERNAL_RERANKER_TIMEOUT": ("rag.external_reranker_timeout", str),
    "TEXT_SPLITTER": ("rag.text_splitter", str),
    "RAG_TOKENIZER_MODEL": ("rag.tokenizer_model", str),
    "ENABLE_MARKDOWN_HEADER_TEXT_SPLITTER": ("rag.enable_markdown_header_text_splitter", bool),
    "CHUNK_SIZE": ("rag.chunk_size", int),
    "CHUNK_MIN_SIZE_TARGET": ("rag.chunk_min_size_target", int),
    "CHUNK_OVERLAP": ("rag.chunk_overlap", int),
    "FILE_MAX_SIZE": ("rag.file.max_size", int | str),
    "FILE_MAX_COUNT": ("rag.file.max_count", int | str),
    "FILE_IMAGE_COMPRESSION_WIDTH": ("file.image_compression_width", int | str),
    "FILE_IMAGE_COMPRESSION_HEIGHT": ("file.image_compression_height", int | str),
    "ALLOWED_FILE_EXTENSIONS": ("rag.file.allowed_extensions", list[str]),
    "ENABLE_GOOGLE_DRIVE_INTEGRATION": ("google_drive.enable", bool),
    "ENABLE_ONEDRIVE_INTEGRATION": ("onedrive.enable", bool),
}

WEB: Page = {
    "ENABLE_WEB_SEARCH": ("web.search.enable", bool),
    "ENABLE_WEB_SEARCH_CONFIRMATION": ("web.search.confirmation.enable", bool),
    "WEB_SEARCH_CONFIRMATION_CONTENT": ("web.search.confirmation.content", str),
    "WEB_SEARCH_ENGINE": ("web.search.engine", str),
    "WEB_SEARCH_TRUST_ENV": ("web.search.trust_env", bool),
    "WEB_SEARCH_RESULT_COUNT": ("web.search.result_count", int),
    "WEB_SEARCH_CONCURRENT_REQUESTS": ("web.search.concurrent_requests", int),
    "WEB_FETCH_MAX_CONTENT_LENGTH": ("web.fetch.max_content_length", int),
    "WEB_LOADER_CONCURRENT_REQUESTS": ("web.loader.concurrent_requests", int),
    "WEB_SEARCH_DOMAIN_FILTER_LIST": ("web.search.domain.filter_list", list[str]),
    "BYPASS_WEB_SEARCH_EMBEDDING_AND_RETRIEVAL": ("web.search.bypass_embedding_and_retrieval", bool),
    "BYPASS_WEB_SEARCH_WEB_LOADER": ("web.search.bypass_web_loader", bool),
    "OLLAMA_CLOUD_WEB_SEARCH_API_KEY": ("web.search.ollama_cloud_api_key", str),
    "SEARXNG_QUERY_URL": ("web.search.searxng_query_url", str),
    "SEARXNG_LANGUAGE": ("web.search.searxng_language", str),
    "OPENSERP_BASE_URL": ("web.search.openserp_base_url", str),
    "YACY_QUERY_URL": ("web.search.yacy_query_url", str),
    "YACY_USERNAME": ("web.search.yacy_username", str),
    "YACY_PASSWORD": ("web.search.yacy_password", str),
    "GOOGLE_PSE_API_KEY": ("web.search.google_pse_api_key", str),
    "GOOGLE_PSE_ENGINE_ID": ("web.search.google_pse_engine_id", str),
    "BRAVE_SEARCH_API_KEY": ("web.search.brave_search_api_key", str),
    "BRAVE_SEARCH_CONTEXT_TOKENS": ("web.search.brave_search_context_tokens", int),
    "KAGI_SEARCH_API_KEY": ("web.search.kagi_search_api_key", str),
    "MOJEEK_SEARCH_API_KEY": ("web.search.mojeek_search_api_key", str),
    "BOCHA_SEARCH_API_KEY": ("web.search.bocha_search_api_key", str),
    "SERPSTACK_API_KEY": ("web.search.serpstack_api_key", str),
    "SERPSTACK_HTTPS": ("web.search.serpstack_https", bool),
    "SERPER_API_KEY": ("web.search.serper_api_key", str),
    "SERPHOUSE_API_KEY": ("web.search.serphouse_api_key", str),
    "SERPHOUSE_DOMAIN": ("web.search.serphouse_domain", str),
    "SERPLY_API_KEY": ("web.search.serply_api_key", str),
    "DDGS_BACKEND": ("web.search.ddgs_backend", str),
    "TAVILY_API_KEY": ("web.search.tavily_api_key", str),
    "STAAN_API_KEY": ("web.search.staan_api_key", str),
    "STAAN_MARKET": ("web.search.staan_market", str),
    "STAAN_MAX_SNIPPETS": ("web.search.staan_max_snippets", int),
    "SEARCHAPI_API_KEY": ("web.search.searchapi_api_key", str),
    "SEARCHAPI_ENGINE": ("web.search.searchapi_engine", str),
    "SERPAPI_API_KEY": ("web.search.serpapi_api_key", str),
    "SERPAPI_ENGINE": ("web.search.serpapi_engine", str),
    "JINA_API_KEY": ("web.search.jina_api_key", str),
    "JINA_API_BASE_URL": ("web.search.jina_api_base_url", str),
    "BING_SEARCH_V7_ENDPOINT": ("web.search.bing_search_v7_endpoint", str),
    "BING_SEARCH_V7_SUBSCRIPTION_KEY": ("web.search.bing_search_v7_subscription_key", str),
    "EXA_API_KEY": ("web.search.exa_api_key", str),
    "EXA_MAX_CONTENT_LENGTH": ("web.search.exa_max_content_length", Annotated[int, msgspec.Meta(gt=0)]),
    "PERPLEXITY_API_KEY": ("web.search.perplexity_api_key", str),
    "PERPLEXITY_MODEL": ("web.search.perplexity_model", str),
    "PERPLEXITY_SEARCH_CONTEXT_USAGE": ("web.search.perplexity_search_context_usage", str),
    "PERPLEXITY_SEARCH_API_URL": ("web.search.perplexity_search_api_url", str),
    "MICROSOFT_WEB_IQ_API_BASE_URL": ("web.search.microsoft_web_iq_api_base_url", str),
    "MICROSOFT_WEB_IQ_API_KEY": ("web.search.microsoft_web_iq_api_key", str),
    "MICROSOFT_WEB_IQ_LANGUAGE": ("web.search.microsoft_web_iq_language", str),
    "SOUGOU_API_SID": ("web.search.sougou_api_sid", str),
    "SOUGOU_API_SK": ("web.search.sougou_api_sk", str),
    "WEB_LOADER_ENGINE": ("web.loader.engine", str),
    "WEB_LOADER_TIMEOUT": ("web.loader.timeout", str),
    "ENABLE_WEB_LOADER_SSL_VERIFICATION": ("web.loader.ssl_verification", bool),
    "PLAYWRIGHT_WS_URL": ("web.loader.playwright_ws_url", str),
    "PLAYWRIGHT_TIMEOUT": ("web.loader.playwright_timeout", int),
    "FIRECRAWL_API_KEY": ("web.loader.firecrawl_api_key", str),
    "FIRECRAWL_API_BASE_URL": ("web.loader.firecrawl_api_url", str),
    "FIRECRAWL_TIMEOUT": ("web.loader.firecrawl_timeout", str),
    "TAVILY_EXTRACT_DEPTH": ("web.search.tavily_extract_depth", str),
    "TAVILY_SEARCH_DEPTH": ("web.search.tavily_search_depth", str),
    "EXTERNAL_WEB_SEARCH_URL": ("web.search.external_web_search_url", str),
    "EXTERNAL_WEB_SEARCH_API_KEY": ("web.search.external_web_search_api_key", str),
    "EXTERNAL_WEB_LOADER_URL": ("web.loader.external_web_loader_url", str),
    "EXTERNAL_WEB_LOADER_API_KEY": ("web.loader.external_web_loader_api_key", str),
    "YOUTUBE_LOADER_LANGUAGE": ("rag.youtube_loader_language", list[str]),
    "YOUTUBE_LOADER_PROXY_URL": ("rag.youtube_loader_proxy_url", str),
    "YOUTUBE_LOADER_TRANSLATION": ("", str),
    "YANDEX_WEB_SEARCH_URL": ("web.search.yandex_web_search_url", str),
    "YANDEX_WEB_SEARCH_API_KEY": ("web.search.yandex_web_search_api_key", str),
    "YANDEX_WEB_SEARCH_CONFIG": ("web.search.yandex_web_search_config", str),
    "YOUCOM_API_KEY": ("web.search.youcom_api_key", str),
    "LINKUP_API_KEY": ("web.search.linkup_api_key", str),
    "LINKUP_SEARCH_PARAMS": ("web.search.linkup_search_params", dict[str, Any]),
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
#: Fields of the web that null leaves as they are.
KEPT_BY_NULL = frozenset({"BRAVE_SEARCH_CONTEXT_TOKENS"})
#: Fields that an empty text clears: without a limit.
CLEARED_BY_EMPTY = frozenset(
    {"FILE_MAX_SIZE", "FILE_MAX_COUNT", "FILE_IMAGE_COMPRESSION_WIDTH", "FILE_IMAGE_COMPRESSION_HEIGHT"}
)
#: The language that transcripts are asked for in, kept as long as the process.
TRANSLATION = "YOUTUBE_LOADER_TRANSLATION"


def form(name: str, page: Page, **more: Any) -> type[msgspec.Struct]:
    """What the page sends: any of its fields, each of which may be null; `more` are further fields by type."""
    fields = {field: kind for field, (_, kind) in page.items()} | more
    return msgspec.defstruct(
        name, [(field, kind | None | msgspec.UnsetType, msgspec.UNSET) for field, kind in fields.items()]
    )


def sent(data: msgspec.Struct) -> dict[str, Any]:
    """The fields that were sent."""
    return {name: value for name, value in msgspec.structs.asdict(data).items() if value is not msgspec.UNSET}
