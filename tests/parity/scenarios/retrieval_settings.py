"""Settings of documents, of the web and of embedding."""

from parity.steps import Merged, flat, get, post, refused

_R = "/api/v1/retrieval"
_PROSE = {"ignore": ("$.RAG_TEMPLATE",), "why": "prose"}

STEPS = flat(
    get("ada", f"{_R}/config", save={"page": "$", "web": "$.web"}, **_PROSE),
    refused("anonymous pending bob", "GET", f"{_R}/config"),
    refused("anonymous pending bob", "POST", f"{_R}/config/update", {}),
    post("ada", f"{_R}/config/update", "${page}", **_PROSE),
    post("ada", f"{_R}/config/update", {}, **_PROSE),
    post(
        "ada",
        f"{_R}/config/update",
        {
            "RAG_TEMPLATE": "[context] [query]",
            "TOP_K": "9",
            "RELEVANCE_THRESHOLD": 1,
            "CHUNK_SIZE": None,
            "FILE_MAX_SIZE": 10,
            "FILE_MAX_COUNT": "",
            "FILE_IMAGE_COMPRESSION_WIDTH": "100",
            "RAG_TOKENIZER_MODEL": " a/b ",
            "DOCLING_PARAMS": {"do_ocr": True},
            "ALLOWED_FILE_EXTENSIONS": ["pdf"],
        },
    ),
    post(
        "ada",
        f"{_R}/config/update",
        {
            "web": Merged(
                "${web}",
                {
                    "ENABLE_WEB_SEARCH": True,
                    "WEB_SEARCH_ENGINE": "searxng",
                    "WEB_SEARCH_DOMAIN_FILTER_LIST": ["!example.com"],
                    "BRAVE_SEARCH_CONTEXT_TOKENS": None,
                    "WEB_LOADER_TIMEOUT": None,
                    "YOUTUBE_LOADER_TRANSLATION": "de",
                },
            )
        },
    ),
    post("ada", f"{_R}/config/update", {"web": None}),
    post("ada", f"{_R}/config/update", {"web": {}}),
    post("ada", f"{_R}/config/update", {"FILE_MAX_SIZE": ""}),
    post("ada", f"{_R}/config/update", {"FILE_MAX_SIZE": [1], "TOP_K": "x", "web": {"SERPSTACK_HTTPS": "perhaps"}}),
    post("ada", f"{_R}/config/update", {"web": {"EXA_MAX_CONTENT_LENGTH": 0}}),
    post("ada", f"{_R}/config/update", {"web": []}),
    post("ada", f"{_R}/config/update", {"ENABLE_RAG_HYBRID_SEARCH": True, "RAG_EXTERNAL_RERANKER_TIMEOUT": "soon"}),
    get("ada", f"{_R}/config"),
    get("ada", f"{_R}/embedding", save={"embedding": "$"}),
    refused("anonymous pending bob", "GET", f"{_R}/embedding"),
    refused("anonymous pending bob", "POST", f"{_R}/embedding/update", {}),
    post("ada", f"{_R}/embedding/update", {}),
    post("ada", f"{_R}/embedding/update", "${embedding}"),
    post(
        "ada",
        f"{_R}/embedding/update",
        {
            "RAG_EMBEDDING_ENGINE": "ollama",
            "RAG_EMBEDDING_MODEL": " m ",
            "openai_config": {"url": "http://127.0.0.1:9", "key": "unused"},
            "ollama_config": {"url": "http://127.0.0.1:9"},
            "RAG_EMBEDDING_BATCH_SIZE": "4",
        },
    ),
    post(
        "ada",
        f"{_R}/embedding/update",
        {
            "RAG_EMBEDDING_ENGINE": "azure_openai",
            "RAG_EMBEDDING_MODEL": "m",
            "azure_openai_config": {"url": "http://127.0.0.1:9", "key": "k", "version": "1"},
            "ENABLE_ASYNC_EMBEDDING": None,
        },
    ),
    post("ada", f"{_R}/embedding/update", {"RAG_EMBEDDING_ENGINE": "openai", "RAG_EMBEDDING_MODEL": "m"}),
    post("ada", f"{_R}/embedding/update", {"RAG_EMBEDDING_ENGINE": "openai", "RAG_EMBEDDING_MODEL": 5}),
    get("ada", f"{_R}/embedding"),
)
