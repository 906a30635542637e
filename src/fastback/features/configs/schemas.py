"""What administrators send to each page of settings. Fields in capitals, as the page names them."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from fastback.kit.http.coercion import Loc, Problem, problem
from fastback.kit.http.errors import Invalid
from fastback.kit.http.validation import check


class ImportForm(msgspec.Struct):
    config: dict[str, Any]


class VisibilityForm(msgspec.Struct):
    visibility: dict[str, Any]

    def check(self) -> None:
        """Raises: Invalid for values that are no boolean; texts and numbers do not stand for one here."""
        problems = [
            problem("bool_type", ("body", "visibility", name), "Input should be a valid boolean", value)
            for name, value in self.visibility.items()
            if not isinstance(value, bool)
        ]
        if problems:
            raise Invalid(problems)


class ConnectionsForm(msgspec.Struct):
    ENABLE_DIRECT_CONNECTIONS: bool
    ENABLE_BASE_MODELS_CACHE: bool
    ENABLE_DIRECT_INTEGRATIONS: bool | UnsetType = UNSET


class CodeForm(msgspec.Struct):
    ENABLE_CODE_EXECUTION: bool
    CODE_EXECUTION_ENGINE: str
    CODE_EXECUTION_JUPYTER_URL: str | None
    CODE_EXECUTION_JUPYTER_AUTH: str | None
    CODE_EXECUTION_JUPYTER_AUTH_TOKEN: str | None
    CODE_EXECUTION_JUPYTER_AUTH_PASSWORD: str | None
    CODE_EXECUTION_JUPYTER_TIMEOUT: int | None
    ENABLE_CODE_INTERPRETER: bool
    CODE_INTERPRETER_ENGINE: str
    CODE_INTERPRETER_PROMPT_TEMPLATE: str | None
    CODE_INTERPRETER_JUPYTER_URL: str | None
    CODE_INTERPRETER_JUPYTER_AUTH: str | None
    CODE_INTERPRETER_JUPYTER_AUTH_TOKEN: str | None
    CODE_INTERPRETER_JUPYTER_AUTH_PASSWORD: str | None
    CODE_INTERPRETER_JUPYTER_TIMEOUT: int | None


class ModelsForm(msgspec.Struct):
    DEFAULT_MODELS: str | None
    DEFAULT_PINNED_MODELS: str | None
    MODEL_ORDER_LIST: list[str] | None
    DEFAULT_MODEL_METADATA: dict[str, Any] | None = None
    DEFAULT_MODEL_PARAMS: dict[str, Any] | None = None


class SubagentsForm(msgspec.Struct):
    ENABLE_SUBAGENTS: bool
    SUBAGENTS_BACKGROUND_ENABLED: bool
    SUBAGENTS_MAX_CONCURRENT: int
    SUBAGENTS_MAX_ASYNC: int
    SUBAGENTS_MAX_ITERATIONS: int
    SUBAGENTS_MAX_OUTPUT: int
    SUBAGENTS_SYSTEM_PROMPT: str


class TasksForm(msgspec.Struct):
    TASK_MODEL: str | None
    TASK_MODEL_EXTERNAL: str | None
    ENABLE_TITLE_GENERATION: bool
    TITLE_GENERATION_PROMPT_TEMPLATE: str
    IMAGE_PROMPT_GENERATION_PROMPT_TEMPLATE: str
    ENABLE_AUTOCOMPLETE_GENERATION: bool
    AUTOCOMPLETE_GENERATION_PROMPT_TEMPLATE: str
    TAGS_GENERATION_PROMPT_TEMPLATE: str
    FOLLOW_UP_GENERATION_PROMPT_TEMPLATE: str
    ENABLE_FOLLOW_UP_GENERATION: bool
    ENABLE_TAGS_GENERATION: bool
    ENABLE_SEARCH_QUERY_GENERATION: bool
    ENABLE_RETRIEVAL_QUERY_GENERATION: bool
    QUERY_GENERATION_PROMPT_TEMPLATE: str
    TOOLS_FUNCTION_CALLING_PROMPT_TEMPLATE: str
    ENABLE_VOICE_MODE_PROMPT: bool
    VOICE_MODE_PROMPT_TEMPLATE: str | None
    TASK_MODEL_PARAMS: dict[str, Any] | None = None
    AUTOCOMPLETE_GENERATION_INPUT_MAX_LENGTH: int | None = None


class ChatsForm(msgspec.Struct):
    ENABLE_CONTEXT_COMPACTION: bool
    CONTEXT_COMPACTION_PROMPT_TEMPLATE: str
    CONTEXT_COMPACTION_MODEL: str | None = ""
    CONTEXT_COMPACTION_TOKEN_THRESHOLD: int | None = None
    CONTEXT_COMPACTION_TOKEN_CAP: int | None = None
    CONTEXT_COMPACTION_RETENTION_PERCENTAGE: int | None = None
    ENABLE_TOOL_PERMISSIONS: bool = False
    ENABLE_TOOL_SEARCH: bool = False
    TOOL_SEARCH_DEFER_THRESHOLD: int = 400
    TOOL_SEARCH_ALWAYS_LOADED: list[str] = []
    TOOL_SEARCH_DEFER_BUILTIN_TOOLS: bool = True


class ArenaForm(msgspec.Struct):
    ENABLE_EVALUATION_ARENA_MODELS: bool | None = None
    EVALUATION_ARENA_MODELS: list[dict[str, Any]] | None = None


class Suggestion(msgspec.Struct):
    title: list[str]
    content: str


class SuggestionsForm(msgspec.Struct):
    suggestions: list[Suggestion] | None
    i18n: dict[str, Any] | None = None


class Banner(msgspec.Struct, kw_only=True):
    """A banner, in the order in which answers show it."""

    i18n: dict[str, dict[str, str]] | None = None
    id: str
    type: str
    title: str | None = None
    content: str
    dismissible: bool
    timestamp: int


class BannersForm(msgspec.Struct):
    banners: list[Banner]


class ToolServer(msgspec.Struct, kw_only=True):
    """A connection to a tool server; it may have further fields."""

    url: str
    path: str
    type: str | None = "openapi"
    auth_type: str | None
    forward_cookies: bool = False
    headers: dict[str, Any] | str | None = None
    key: str | None
    config: dict[str, Any] | None
    info: dict[str, Any] | None = None


class ToolServersForm(msgspec.Struct):
    TOOL_SERVER_CONNECTIONS: list[dict[str, Any]]


class TerminalServer(msgspec.Struct, kw_only=True):
    """A connection to a terminal server; it may have further fields."""

    id: str | None = ""
    name: str | None = ""
    enabled: bool | None = True
    url: str
    path: str | None = "/openapi.json"
    key: str | None = ""
    auth_type: str | None = "bearer"
    forward_cookies: bool = False
    config: dict[str, Any] | None = None
    server_type: str | None = None
    policy_id: str | None = None


class TerminalServersForm(msgspec.Struct):
    TERMINAL_SERVER_CONNECTIONS: list[dict[str, Any]]


class PolicyForm(msgspec.Struct):
    url: str
    policy_id: str
    key: str | None = ""
    auth_type: str | None = "bearer"
    policy_data: dict[str, Any] | None = None


class LifecycleForm(msgspec.Struct):
    url: str
    policy_id: str
    key: str | None = ""
    auth_type: str | None = "bearer"
    lifecycle_data: dict[str, Any] | None = None


class RefreshForm(msgspec.Struct):
    url: str
    key: str | None = ""
    auth_type: str | None = "bearer"
    user_id: str | None = None
    policy_id: str | None = None
    only_idle: bool = True
    reset: bool = False


def filled(kind: type[msgspec.Struct], given: dict[str, Any]) -> dict[str, Any]:
    """The connection that is a body: with the fields of its kind, defaults filled in, then whatever else was sent.

    Raises:
        Invalid: fields are missing or of another type; all of them are told.
    """
    return _filled(kind, [(("body",), given)])[0]


def all_filled(kind: type[msgspec.Struct], given: list[dict[str, Any]], field: str) -> list[dict[str, Any]]:
    """The connections in a field of the body, likewise.

    Raises:
        Invalid: as `filled`.
    """
    return _filled(kind, [(("body", field, place), one) for place, one in enumerate(given)])


def _filled(kind: type[msgspec.Struct], given: list[tuple[Loc, dict[str, Any]]]) -> list[dict[str, Any]]:
    problems: list[Problem] = []
    known = [check(kind, one, loc, problems) for loc, one in given]
    if problems:
        raise Invalid(problems)
    # What is missing is none of the required fields, so it has a default.
    return [
        {field.name: fields.get(field.name, field.default) for field in msgspec.structs.fields(kind)}
        | {name: value for name, value in one.items() if name not in kind.__struct_fields__}
        for (_, one), fields in zip(given, known, strict=True)
    ]
