"""Defaults that are computed from several variables."""

from __future__ import annotations

from collections.abc import Mapping

from fastback.config import variable_parsing
from fastback.config.key import DerivedDefault

OPENAI_BASE_URL = "https://api.openai.com/v1"
OLLAMA_BASE_URL = "http://localhost:11434"

Env = Mapping[str, str]


def _list_openai_keys(env: Env) -> list[str]:
    return [key.strip() for key in (env.get("OPENAI_API_KEYS") or env.get("OPENAI_API_KEY") or "").split(";")]


def _list_openai_urls(env: Env) -> list[str]:
    text = env.get("OPENAI_API_BASE_URLS") or (env.get("OPENAI_API_BASE_URL") or OPENAI_BASE_URL).removesuffix("/")
    return [url.strip() if url else OPENAI_BASE_URL for url in text.split(";")]


def _find_official_key(env: Env) -> str:
    urls, keys = _list_openai_urls(env), _list_openai_keys(env)
    index = urls.index(OPENAI_BASE_URL) if OPENAI_BASE_URL in urls else len(keys)
    return keys[index] if index < len(keys) else ""


def _choose_ollama_url(env: Env) -> str:
    url = env.get("OLLAMA_BASE_URL", "").removesuffix("/")
    url = url or env.get("OLLAMA_API_BASE_URL", f"{OLLAMA_BASE_URL}/api").removesuffix("/api")
    if env.get("ENV") != "prod":
        return url
    if env.get("K8S_FLAG"):
        return "http://ollama-service.open-webui.svc.cluster.local:11434"
    if url == "/ollama":  # the default in the container of Open WebUI
        is_inside_container = variable_parsing.parse_flag(env.get("USE_OLLAMA_DOCKER", ""))
        return f"http://{'localhost' if is_inside_container else 'host.docker.internal'}:11434"
    return url


def _list_ollama_urls(env: Env) -> list[str]:
    return [url.strip() for url in (env.get("OLLAMA_BASE_URLS") or _choose_ollama_url(env)).split(";")]


def _is_signup_enabled(env: Env) -> bool:
    return variable_parsing.parse_flag(env.get("WEBUI_AUTH", "true")) and variable_parsing.parse_flag(
        env.get("ENABLE_SIGNUP", "true")
    )


def derive_roles(variable: str, *fallback: str) -> DerivedDefault:
    """Return the default of a list of roles: the text of a variable, split at the separator of another variable."""

    def split_roles(env: Env) -> list[str]:
        text = env.get(variable)
        if text is None:
            return list(fallback)
        return [role.strip() for role in text.split(env.get("OAUTH_ROLES_SEPARATOR") or ",") if role]

    return DerivedDefault(split_roles, (variable, "OAUTH_ROLES_SEPARATOR"), f"`{','.join(fallback)}`")


OPENAI_KEYS = DerivedDefault(_list_openai_keys, ("OPENAI_API_KEYS", "OPENAI_API_KEY"), "an empty key")
OPENAI_URLS = DerivedDefault(_list_openai_urls, ("OPENAI_API_BASE_URLS", "OPENAI_API_BASE_URL"), f"`{OPENAI_BASE_URL}`")
OFFICIAL_KEY = DerivedDefault(_find_official_key, (), "the key for api.openai.com")
_OLLAMA = ("OLLAMA_BASE_URL", "OLLAMA_API_BASE_URL", "USE_OLLAMA_DOCKER", "K8S_FLAG")
OLLAMA_URL = DerivedDefault(_choose_ollama_url, _OLLAMA, f"`{OLLAMA_BASE_URL}`")
OLLAMA_URLS = DerivedDefault(_list_ollama_urls, ("OLLAMA_BASE_URLS", *_OLLAMA), f"`{OLLAMA_BASE_URL}`")
SIGNUP = DerivedDefault(_is_signup_enabled, ("ENABLE_SIGNUP", "WEBUI_AUTH"), "`true`")
