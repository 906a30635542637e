"""Model servers, tool servers, models: keys, variables, defaults."""

from fastback.config.derived_defaults import OLLAMA_URLS, OPENAI_KEYS, OPENAI_URLS
from fastback.config.key import Key

KEYS = [
    Key("direct.enable", ("ENABLE_DIRECT_CONNECTIONS",), False),
    Key("direct.integrations.enable", ("ENABLE_DIRECT_INTEGRATIONS",), False),
    Key("ollama.enable", ("ENABLE_OLLAMA_API",), True),
    Key("ollama.base_urls", (), OLLAMA_URLS),
    Key("ollama.api_configs", ("OLLAMA_API_CONFIGS",), {}),
    Key("openai.enable", ("ENABLE_OPENAI_API",), True),
    Key("openai.api_keys", (), OPENAI_KEYS),
    Key("openai.api_base_urls", (), OPENAI_URLS),
    Key("openai.api_configs", ("OPENAI_API_CONFIGS",), {}),
    Key("models.base_models_cache", ("ENABLE_BASE_MODELS_CACHE",), False),
    Key("tool_server.connections", ("TOOL_SERVER_CONNECTIONS",), []),
    Key("terminal_server.connections", ("TERMINAL_SERVER_CONNECTIONS",), []),
    Key("models.default_metadata", ("DEFAULT_MODEL_METADATA",), {}),
    Key("models.default_params", ("DEFAULT_MODEL_PARAMS",), {}),
]
