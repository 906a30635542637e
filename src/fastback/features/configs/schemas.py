"""Request bodies of the pages of settings. Fields in capitals are those of the pages."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from fastback.kit.http.coercion import Loc, Problem, make_problem
from fastback.kit.http.errors import Invalid
from fastback.kit.http.validation import convert_value


class ImportForm(msgspec.Struct):
    config: dict[str, Any]


class VisibilityForm(msgspec.Struct):
    visibility: dict[str, Any]

    def require_booleans(self) -> None:
        """Require every value to be a boolean; texts and numbers are not converted.

        Raises:
            Invalid: values are not booleans; the error names all of them.
        """
        problems = [
            make_problem("bool_type", ("body", "visibility", name), "Input should be a valid boolean", value)
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
    """A banner, with its fields in the order of responses."""

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


def complete_connection(kind: type[msgspec.Struct], connection: dict[str, Any]) -> dict[str, Any]:
    """Return the connection in a body: first the fields of its kind, with defaults, then its other fields.

    Raises:
        Invalid: fields are missing or have another type; the error names all of them.
    """
    return _complete(kind, [(("body",), connection)])[0]


def complete_connections(
    kind: type[msgspec.Struct], connections: list[dict[str, Any]], field: str
) -> list[dict[str, Any]]:
    """Return the connections in a field of the body, completed like one by `complete_connection`.

    Raises:
        Invalid: fields are missing or have another type; the error names all of them.
    """
    return _complete(kind, [(("body", field, index), connection) for index, connection in enumerate(connections)])


def _complete(kind: type[msgspec.Struct], connections: list[tuple[Loc, dict[str, Any]]]) -> list[dict[str, Any]]:
    problems: list[Problem] = []
    checked = [convert_value(kind, connection, loc, problems) for loc, connection in connections]
    if problems:
        raise Invalid(problems)
    # A field that is missing here is not required, so it has a default.
    return [
        {field.name: fields.get(field.name, field.default) for field in msgspec.structs.fields(kind)}
        | {name: value for name, value in connection.items() if name not in kind.__struct_fields__}
        for (_, connection), fields in zip(connections, checked, strict=True)
    ]
