"""Keys of model servers, tool servers and models."""

from fastback.config.derived_defaults import OLLAMA_URLS, OPENAI_KEYS, OPENAI_URLS
from fastback.config.key import define_key

DIRECT_ENABLE = define_key("direct.enable", ("ENABLE_DIRECT_CONNECTIONS",), False)
DIRECT_INTEGRATIONS_ENABLE = define_key("direct.integrations.enable", ("ENABLE_DIRECT_INTEGRATIONS",), False)
OLLAMA_ENABLE = define_key("ollama.enable", ("ENABLE_OLLAMA_API",), True)
OLLAMA_BASE_URLS = define_key("ollama.base_urls", (), OLLAMA_URLS)
OLLAMA_API_CONFIGS = define_key("ollama.api_configs", ("OLLAMA_API_CONFIGS",), {})
OPENAI_ENABLE = define_key("openai.enable", ("ENABLE_OPENAI_API",), True)
OPENAI_API_KEYS = define_key("openai.api_keys", (), OPENAI_KEYS)
OPENAI_API_BASE_URLS = define_key("openai.api_base_urls", (), OPENAI_URLS)
OPENAI_API_CONFIGS = define_key("openai.api_configs", ("OPENAI_API_CONFIGS",), {})
MODELS_BASE_MODELS_CACHE = define_key("models.base_models_cache", ("ENABLE_BASE_MODELS_CACHE",), False)
TOOL_SERVER_CONNECTIONS = define_key("tool_server.connections", ("TOOL_SERVER_CONNECTIONS",), [])
TERMINAL_SERVER_CONNECTIONS = define_key("terminal_server.connections", ("TERMINAL_SERVER_CONNECTIONS",), [])
MODELS_DEFAULT_METADATA = define_key("models.default_metadata", ("DEFAULT_MODEL_METADATA",), {})
MODELS_DEFAULT_PARAMS = define_key("models.default_params", ("DEFAULT_MODEL_PARAMS",), {})
