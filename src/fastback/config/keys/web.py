"""Keys of web search and web pages."""

from fastback.config import variable_parsing
from fastback.config.key import define_key

WEB_SEARCH_ENABLE = define_key("web.search.enable", ("ENABLE_WEB_SEARCH",), False)
WEB_SEARCH_CONFIRMATION_ENABLE = define_key(
    "web.search.confirmation.enable", ("ENABLE_WEB_SEARCH_CONFIRMATION",), False
)
WEB_SEARCH_CONFIRMATION_CONTENT = define_key(
    "web.search.confirmation.content",
    ("WEB_SEARCH_CONFIRMATION_CONTENT",),
    "Your query will be sent to the configured web search provider.",
)
WEB_SEARCH_ENGINE = define_key("web.search.engine", ("WEB_SEARCH_ENGINE",), "")
WEB_SEARCH_BYPASS_EMBEDDING_AND_RETRIEVAL = define_key(
    "web.search.bypass_embedding_and_retrieval", ("BYPASS_WEB_SEARCH_EMBEDDING_AND_RETRIEVAL",), False
)
WEB_SEARCH_BYPASS_WEB_LOADER = define_key("web.search.bypass_web_loader", ("BYPASS_WEB_SEARCH_WEB_LOADER",), False)
WEB_SEARCH_RESULT_COUNT = define_key("web.search.result_count", ("WEB_SEARCH_RESULT_COUNT",), 3)
WEB_SEARCH_DOMAIN_FILTER_LIST = define_key("web.search.domain.filter_list", ("WEB_SEARCH_DOMAIN_FILTER_LIST",), [])
WEB_SEARCH_CONCURRENT_REQUESTS = define_key("web.search.concurrent_requests", ("WEB_SEARCH_CONCURRENT_REQUESTS",), 0)
WEB_FETCH_MAX_CONTENT_LENGTH = define_key(
    "web.fetch.max_content_length", ("WEB_FETCH_MAX_CONTENT_LENGTH",), None, variable_parsing.INTEGER
)
WEB_LOADER_ENGINE = define_key("web.loader.engine", ("WEB_LOADER_ENGINE",), "")
WEB_LOADER_CONCURRENT_REQUESTS = define_key("web.loader.concurrent_requests", ("WEB_LOADER_CONCURRENT_REQUESTS",), 10)
WEB_LOADER_TIMEOUT = define_key("web.loader.timeout", ("WEB_LOADER_TIMEOUT",), "")
WEB_LOADER_SSL_VERIFICATION = define_key("web.loader.ssl_verification", ("ENABLE_WEB_LOADER_SSL_VERIFICATION",), True)
WEB_SEARCH_TRUST_ENV = define_key("web.search.trust_env", ("WEB_SEARCH_TRUST_ENV",), True)
WEB_SEARCH_OLLAMA_CLOUD_API_KEY = define_key("web.search.ollama_cloud_api_key", ("OLLAMA_CLOUD_API_KEY",), "")
WEB_SEARCH_SEARXNG_QUERY_URL = define_key("web.search.searxng_query_url", ("SEARXNG_QUERY_URL",), "")
WEB_SEARCH_OPENSERP_BASE_URL = define_key(
    "web.search.openserp_base_url", ("OPENSERP_BASE_URL",), "http://localhost:7000"
)
WEB_SEARCH_SEARXNG_LANGUAGE = define_key("web.search.searxng_language", ("SEARXNG_LANGUAGE",), "all")
WEB_SEARCH_YACY_QUERY_URL = define_key("web.search.yacy_query_url", ("YACY_QUERY_URL",), "")
WEB_SEARCH_YACY_USERNAME = define_key("web.search.yacy_username", ("YACY_USERNAME",), "")
WEB_SEARCH_YACY_PASSWORD = define_key("web.search.yacy_password", ("YACY_PASSWORD",), "")
WEB_SEARCH_GOOGLE_PSE_API_KEY = define_key("web.search.google_pse_api_key", ("GOOGLE_PSE_API_KEY",), "")
WEB_SEARCH_GOOGLE_PSE_ENGINE_ID = define_key("web.search.google_pse_engine_id", ("GOOGLE_PSE_ENGINE_ID",), "")
WEB_SEARCH_BRAVE_SEARCH_API_KEY = define_key("web.search.brave_search_api_key", ("BRAVE_SEARCH_API_KEY",), "")
WEB_SEARCH_BRAVE_SEARCH_CONTEXT_TOKENS = define_key(
    "web.search.brave_search_context_tokens", ("BRAVE_SEARCH_CONTEXT_TOKENS",), 8192
)
WEB_SEARCH_KAGI_SEARCH_API_KEY = define_key("web.search.kagi_search_api_key", ("KAGI_SEARCH_API_KEY",), "")
WEB_SEARCH_MOJEEK_SEARCH_API_KEY = define_key("web.search.mojeek_search_api_key", ("MOJEEK_SEARCH_API_KEY",), "")
WEB_SEARCH_BOCHA_SEARCH_API_KEY = define_key("web.search.bocha_search_api_key", ("BOCHA_SEARCH_API_KEY",), "")
WEB_SEARCH_SERPSTACK_API_KEY = define_key("web.search.serpstack_api_key", ("SERPSTACK_API_KEY",), "")
WEB_SEARCH_SERPSTACK_HTTPS = define_key("web.search.serpstack_https", ("SERPSTACK_HTTPS",), True)
WEB_SEARCH_SERPER_API_KEY = define_key("web.search.serper_api_key", ("SERPER_API_KEY",), "")
WEB_SEARCH_SERPLY_API_KEY = define_key("web.search.serply_api_key", ("SERPLY_API_KEY",), "")
WEB_SEARCH_SERPHOUSE_API_KEY = define_key("web.search.serphouse_api_key", ("SERPHOUSE_API_KEY",), "")
WEB_SEARCH_SERPHOUSE_DOMAIN = define_key("web.search.serphouse_domain", ("SERPHOUSE_DOMAIN",), "google.com")
WEB_SEARCH_DDGS_BACKEND = define_key("web.search.ddgs_backend", ("DDGS_BACKEND",), "auto")
WEB_SEARCH_JINA_API_KEY = define_key("web.search.jina_api_key", ("JINA_API_KEY",), "")
WEB_SEARCH_JINA_API_BASE_URL = define_key("web.search.jina_api_base_url", ("JINA_API_BASE_URL",), "")
WEB_SEARCH_SEARCHAPI_API_KEY = define_key("web.search.searchapi_api_key", ("SEARCHAPI_API_KEY",), "")
WEB_SEARCH_SEARCHAPI_ENGINE = define_key("web.search.searchapi_engine", ("SEARCHAPI_ENGINE",), "")
WEB_SEARCH_SERPAPI_API_KEY = define_key("web.search.serpapi_api_key", ("SERPAPI_API_KEY",), "")
WEB_SEARCH_SERPAPI_ENGINE = define_key("web.search.serpapi_engine", ("SERPAPI_ENGINE",), "")
WEB_SEARCH_BING_SEARCH_V7_ENDPOINT = define_key(
    "web.search.bing_search_v7_endpoint", ("BING_SEARCH_V7_ENDPOINT",), "https://api.bing.microsoft.com/v7.0/search"
)
WEB_SEARCH_BING_SEARCH_V7_SUBSCRIPTION_KEY = define_key(
    "web.search.bing_search_v7_subscription_key", ("BING_SEARCH_V7_SUBSCRIPTION_KEY",), ""
)
WEB_SEARCH_AZURE_AI_SEARCH_API_KEY = define_key("web.search.azure_ai_search_api_key", ("AZURE_AI_SEARCH_API_KEY",), "")
WEB_SEARCH_AZURE_AI_SEARCH_ENDPOINT = define_key(
    "web.search.azure_ai_search_endpoint", ("AZURE_AI_SEARCH_ENDPOINT",), ""
)
WEB_SEARCH_AZURE_AI_SEARCH_INDEX_NAME = define_key(
    "web.search.azure_ai_search_index_name", ("AZURE_AI_SEARCH_INDEX_NAME",), ""
)
WEB_SEARCH_EXA_API_KEY = define_key("web.search.exa_api_key", ("EXA_API_KEY",), "")
WEB_SEARCH_EXA_MAX_CONTENT_LENGTH = define_key(
    "web.search.exa_max_content_length", ("EXA_MAX_CONTENT_LENGTH",), None, variable_parsing.POSITIVE_INTEGER
)
WEB_SEARCH_PERPLEXITY_API_KEY = define_key("web.search.perplexity_api_key", ("PERPLEXITY_API_KEY",), "")
WEB_SEARCH_PERPLEXITY_MODEL = define_key("web.search.perplexity_model", ("PERPLEXITY_MODEL",), "sonar")
WEB_SEARCH_PERPLEXITY_SEARCH_CONTEXT_USAGE = define_key(
    "web.search.perplexity_search_context_usage", ("PERPLEXITY_SEARCH_CONTEXT_USAGE",), "medium"
)
WEB_SEARCH_PERPLEXITY_SEARCH_API_URL = define_key(
    "web.search.perplexity_search_api_url", ("PERPLEXITY_SEARCH_API_URL",), "https://api.perplexity.ai/search"
)
WEB_SEARCH_MICROSOFT_WEB_IQ_API_BASE_URL = define_key(
    "web.search.microsoft_web_iq_api_base_url", ("MICROSOFT_WEB_IQ_API_BASE_URL",), "https://api.microsoft.ai/v3"
)
WEB_SEARCH_MICROSOFT_WEB_IQ_API_KEY = define_key(
    "web.search.microsoft_web_iq_api_key", ("MICROSOFT_WEB_IQ_API_KEY",), ""
)
WEB_SEARCH_MICROSOFT_WEB_IQ_LANGUAGE = define_key(
    "web.search.microsoft_web_iq_language", ("MICROSOFT_WEB_IQ_LANGUAGE",), "en"
)
WEB_SEARCH_SOUGOU_API_SID = define_key("web.search.sougou_api_sid", ("SOUGOU_API_SID",), "")
WEB_SEARCH_SOUGOU_API_SK = define_key("web.search.sougou_api_sk", ("SOUGOU_API_SK",), "")
WEB_SEARCH_TAVILY_API_KEY = define_key("web.search.tavily_api_key", ("TAVILY_API_KEY",), "")
WEB_SEARCH_TAVILY_EXTRACT_DEPTH = define_key("web.search.tavily_extract_depth", ("TAVILY_EXTRACT_DEPTH",), "basic")
WEB_SEARCH_TAVILY_SEARCH_DEPTH = define_key("web.search.tavily_search_depth", ("TAVILY_SEARCH_DEPTH",), "basic")
WEB_SEARCH_STAAN_API_KEY = define_key("web.search.staan_api_key", ("STAAN_API_KEY",), "")
WEB_SEARCH_STAAN_MARKET = define_key("web.search.staan_market", ("STAAN_MARKET",), "en-us")
WEB_SEARCH_STAAN_MAX_SNIPPETS = define_key("web.search.staan_max_snippets", ("STAAN_MAX_SNIPPETS",), 0)
WEB_LOADER_PLAYWRIGHT_WS_URL = define_key("web.loader.playwright_ws_url", ("PLAYWRIGHT_WS_URL",), "")
WEB_LOADER_PLAYWRIGHT_TIMEOUT = define_key("web.loader.playwright_timeout", ("PLAYWRIGHT_TIMEOUT",), 10000)
WEB_LOADER_FIRECRAWL_API_KEY = define_key("web.loader.firecrawl_api_key", ("FIRECRAWL_API_KEY",), "")
WEB_LOADER_FIRECRAWL_API_URL = define_key(
    "web.loader.firecrawl_api_url", ("FIRECRAWL_API_BASE_URL",), "https://api.firecrawl.dev"
)
WEB_LOADER_FIRECRAWL_TIMEOUT = define_key("web.loader.firecrawl_timeout", ("FIRECRAWL_TIMEOUT",), "")
WEB_SEARCH_EXTERNAL_WEB_SEARCH_URL = define_key("web.search.external_web_search_url", ("EXTERNAL_WEB_SEARCH_URL",), "")
WEB_SEARCH_EXTERNAL_WEB_SEARCH_API_KEY = define_key(
    "web.search.external_web_search_api_key", ("EXTERNAL_WEB_SEARCH_API_KEY",), ""
)
WEB_LOADER_EXTERNAL_WEB_LOADER_URL = define_key("web.loader.external_web_loader_url", ("EXTERNAL_WEB_LOADER_URL",), "")
WEB_LOADER_EXTERNAL_WEB_LOADER_API_KEY = define_key(
    "web.loader.external_web_loader_api_key", ("EXTERNAL_WEB_LOADER_API_KEY",), ""
)
WEB_SEARCH_YANDEX_WEB_SEARCH_URL = define_key("web.search.yandex_web_search_url", ("YANDEX_WEB_SEARCH_URL",), "")
WEB_SEARCH_YANDEX_WEB_SEARCH_API_KEY = define_key(
    "web.search.yandex_web_search_api_key", ("YANDEX_WEB_SEARCH_API_KEY",), ""
)
WEB_SEARCH_YANDEX_WEB_SEARCH_CONFIG = define_key(
    "web.search.yandex_web_search_config", ("YANDEX_WEB_SEARCH_CONFIG",), ""
)
WEB_SEARCH_YOUCOM_API_KEY = define_key("web.search.youcom_api_key", ("YOUCOM_API_KEY", "YDC_API_KEY"), "")
WEB_SEARCH_LINKUP_API_KEY = define_key("web.search.linkup_api_key", ("LINKUP_API_KEY",), "")
WEB_SEARCH_LINKUP_SEARCH_PARAMS = define_key("web.search.linkup_search_params", ("LINKUP_SEARCH_PARAMS",), {})
