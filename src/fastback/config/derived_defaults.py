"""Defaults that are computed from several variables."""

from __future__ import annotations

from collections.abc import Mapping

from fastback.config import variable_parsing
from fastback.config.key import Derived

OPENAI = "https://api.openai.com/v1"

Env = Mapping[str, str]


def _openai_keys(env: Env) -> list[str]:
    return [one.strip() for one in (env.get("OPENAI_API_KEYS") or env.get("OPENAI_API_KEY") or "").split(";")]


def _openai_urls(env: Env) -> list[str]:
    several = env.get("OPENAI_API_BASE_URLS") or (env.get("OPENAI_API_BASE_URL") or OPENAI).removesuffix("/")
    return [one.strip() if one else OPENAI for one in several.split(";")]


def _official_key(env: Env) -> str:
    urls, keys = _openai_urls(env), _openai_keys(env)
    place = urls.index(OPENAI) if OPENAI in urls else len(keys)
    return keys[place] if place < len(keys) else ""


def _ollama_url(env: Env) -> str:
    url = env.get("OLLAMA_BASE_URL", "").removesuffix("/")
    url = url or env.get("OLLAMA_API_BASE_URL", "http://localhost:11434/api").removesuffix("/api")
    if env.get("ENV") != "prod":
        return url
    if env.get("K8S_FLAG"):
        return "http://ollama-service.open-webui.svc.cluster.local:11434"
    if url == "/ollama":  # the default in the container of Open WebUI
        is_inside_container = variable_parsing.flag(env.get("USE_OLLAMA_DOCKER", ""))
        return f"http://{'localhost' if is_inside_container else 'host.docker.internal'}:11434"
    return url


def _ollama_urls(env: Env) -> list[str]:
    return [one.strip() for one in (env.get("OLLAMA_BASE_URLS") or _ollama_url(env)).split(";")]


def _signup(env: Env) -> bool:
    return variable_parsing.flag(env.get("WEBUI_AUTH", "true")) and variable_parsing.flag(
        env.get("ENABLE_SIGNUP", "true")
    )


def roles(variable: str, *fallback: str) -> Derived:
    """Return the default of a list of roles: the text of a variable, split at the separator of another variable."""

    def make(env: Env) -> list[str]:
        text = env.get(variable)
        if text is None:
            return list(fallback)
        return [role.strip() for role in text.split(env.get("OAUTH_ROLES_SEPARATOR") or ",") if role]

    return Derived(make, (variable, "OAUTH_ROLES_SEPARATOR"), f"`{','.join(fallback)}`")


OPENAI_KEYS = Derived(_openai_keys, ("OPENAI_API_KEYS", "OPENAI_API_KEY"), "an empty key")
OPENAI_URLS = Derived(_openai_urls, ("OPENAI_API_BASE_URLS", "OPENAI_API_BASE_URL"), f"`{OPENAI}`")
OFFICIAL_KEY = Derived(_official_key, (), "the key for api.openai.com")
_OLLAMA = ("OLLAMA_BASE_URL", "OLLAMA_API_BASE_URL", "USE_OLLAMA_DOCKER", "K8S_FLAG")
OLLAMA_URL = Derived(_ollama_url, _OLLAMA, "`http://localhost:11434`")
OLLAMA_URLS = Derived(_ollama_urls, ("OLLAMA_BASE_URLS", *_OLLAMA), "`http://localhost:11434`")
SIGNUP = Derived(_signup, ("ENABLE_SIGNUP", "WEBUI_AUTH"), "`true`")
