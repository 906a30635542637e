"""Settings of documents, of the web and of embedding."""

from parity.steps import Merged, Step, flatten_steps, get, post, refused_steps

_R = "/api/v1/retrieval"
_FIRST = {"ignore": ("$.RAG_TEMPLATE", "$.RELEVANCE_THRESHOLD"), "why": "prose; 0.0, which SQLite keeps as 0"}
#: A number that both databases store unchanged.
_FRACTION = {"RELEVANCE_THRESHOLD": 0.25}


def _update_settings(body: object, *prose: str) -> Step:
    why = "one field stands elsewhere in the answer to saving; prose"
    return post("ada", f"{_R}/config/update", body, ignore=("$.order", *prose), why=why)


STEPS = flatten_steps(
    get("ada", f"{_R}/config", save={"page": "$", "web": "$.web"}, **_FIRST),
    refused_steps("anonymous pending bob", "GET", f"{_R}/config"),
    refused_steps("anonymous pending bob", "POST", f"{_R}/config/update", {}),
    _update_settings(Merged("${page}", _FRACTION), "$.RAG_TEMPLATE"),
    _update_settings({}, "$.RAG_TEMPLATE"),
    _update_settings(
        {
            "RAG_TEMPLATE": "[context] [query]",
            "TOP_K": "9",
            "HYBRID_BM25_WEIGHT": 0.75,
            "CHUNK_SIZE": None,
            "FILE_MAX_SIZE": 10,
            "FILE_MAX_COUNT": "",
            "FILE_IMAGE_COMPRESSION_WIDTH": "100",
            "RAG_TOKENIZER_MODEL": " a/b ",
            "DOCLING_PARAMS": {"do_ocr": True},
            "ALLOWED_FILE_EXTENSIONS": ["pdf"],
        },
    ),
    _update_settings(
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
    _update_settings({"web": None}),
    _update_settings({"web": {}}),
    _update_settings({"FILE_MAX_SIZE": ""}),
    _update_settings({"FILE_MAX_SIZE": [1], "TOP_K": "x", "web": {"SERPSTACK_HTTPS": "perhaps"}}),
    _update_settings({"web": {"EXA_MAX_CONTENT_LENGTH": 0}}),
    _update_settings({"web": []}),
    _update_settings({"ENABLE_RAG_HYBRID_SEARCH": True, "RAG_EXTERNAL_RERANKER_TIMEOUT": "soon"}),
    get("ada", f"{_R}/config"),
    get("ada", f"{_R}/embedding", save={"embedding": "$"}),
    refused_steps("anonymous pending bob", "GET", f"{_R}/embedding"),
    refused_steps("anonymous pending bob", "POST", f"{_R}/embedding/update", {}),
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
