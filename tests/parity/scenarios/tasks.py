"""Small tasks of a chat: titles, tags, follow-ups, queries, and their settings."""

from parity.steps import Merged, flatten_steps, get, post, refused_steps

_TASKS = "/api/v1/tasks"
_PROSE = {
    "TITLE_GENERATION_PROMPT_TEMPLATE": "t",
    "IMAGE_PROMPT_GENERATION_PROMPT_TEMPLATE": "i",
    "AUTOCOMPLETE_GENERATION_PROMPT_TEMPLATE": "a",
    "TAGS_GENERATION_PROMPT_TEMPLATE": "g",
    "FOLLOW_UP_GENERATION_PROMPT_TEMPLATE": "f",
    "QUERY_GENERATION_PROMPT_TEMPLATE": "q",
    "TOOLS_FUNCTION_CALLING_PROMPT_TEMPLATE": "c",
    "VOICE_MODE_PROMPT_TEMPLATE": "v",
}
_CHAT = {
    "model": "demo-small",
    "messages": [{"role": "user", "content": "What is tea?"}, {"role": "assistant", "content": "Leaves in water."}],
}
_NO_MODEL = {**_CHAT, "model": "nothing"}


def _request_task(name: str, body: dict[str, object]) -> list[object]:
    path = f"{_TASKS}/{name}/completions"
    return [
        post("bob", path, body),
        post("bob", path, {**body, "model": "nothing"}),
        *refused_steps("anonymous pending", "POST", path, body),
        post("ada", path, body, ignore=("$.choices[0].message.content", "$.usage"), why="our own prompts"),
    ]


STEPS = flatten_steps(
    get("ada", "/api/models", query={"refresh": True}),
    get("ada", f"{_TASKS}/config", save={"config": "$"}),
    get("bob", f"{_TASKS}/config"),
    refused_steps("anonymous pending", "GET", f"{_TASKS}/config"),
    refused_steps("anonymous pending bob", "POST", f"{_TASKS}/config/update", {}),
    post("ada", f"{_TASKS}/config/update", {}),
    _request_task("title", _CHAT),
    _request_task("follow_up", _CHAT),
    _request_task("tags", _CHAT),
    _request_task("image_prompt", _CHAT),
    _request_task("queries", {**_CHAT, "type": "web_search"}),
    _request_task("auto", {**_CHAT, "prompt": "What is", "type": "search query"}),
    _request_task("emoji", {"model": "demo-small", "prompt": "Tea!"}),
    _request_task("moa", {"model": "demo-small", "prompt": "Tea?", "responses": ["Yes.", "No."], "stream": False}),
    post("bob", f"{_TASKS}/title/completions", {**_CHAT, "model": None}),
    post("ada", f"{_TASKS}/config/update", Merged("${config}", {**_PROSE, "ENABLE_TITLE_GENERATION": False})),
    post("bob", f"{_TASKS}/title/completions", _CHAT),
    post(
        "ada",
        f"{_TASKS}/config/update",
        Merged(
            "${config}",
            {
                "ENABLE_TAGS_GENERATION": False,
                "ENABLE_FOLLOW_UP_GENERATION": False,
                "ENABLE_AUTOCOMPLETE_GENERATION": True,
                "AUTOCOMPLETE_GENERATION_INPUT_MAX_LENGTH": 3,
                "ENABLE_SEARCH_QUERY_GENERATION": False,
                "ENABLE_RETRIEVAL_QUERY_GENERATION": False,
                "TASK_MODEL": "demo-large",
            },
        ),
    ),
    post("bob", f"{_TASKS}/tags/completions", _CHAT),
    post("bob", f"{_TASKS}/follow_up/completions", _CHAT),
    post("bob", f"{_TASKS}/queries/completions", {**_CHAT, "type": "web_search"}),
    post("bob", f"{_TASKS}/queries/completions", {**_CHAT, "type": "retrieval"}),
    post("bob", f"{_TASKS}/auto/completions", {**_CHAT, "prompt": "What is tea", "type": "general"}),
    post("ada", f"{_TASKS}/config/update", Merged("${config}", {"ENABLE_AUTOCOMPLETE_GENERATION": True})),
    post(
        "ada",
        f"{_TASKS}/auto/completions",
        {**_CHAT, "prompt": "What is", "type": "general"},
        ignore=("$.choices[0].message.content", "$.usage"),
        why="our own prompt",
    ),
    post("bob", f"{_TASKS}/auto/completions", {**_CHAT, "prompt": "What is", "type": "general"}),
    post("ada", f"{_TASKS}/auto/completions", {**_CHAT, "model": "nothing", "prompt": "What is"}),
    # The small tasks quote the question; its text is not the provider's.
    post(
        "ada",
        f"{_TASKS}/title/completions",
        {**_CHAT, "messages": [{"role": "user", "content": "demo-error-429"}]},
        ignore=("$.usage",),
        why="our own prompt",
    ),
)
