"""Providers that are down, answer nonsense, fail or break off, and what API clients are told."""

from parity.steps import Merged, Step, flat, get, post

_OPENAI = "/openai/config"
_ASK = "/api/chat/completions"
_WHY = "the provider broke off in the middle: the reference answers 200 with an error in it"
_GARBAGE = "the reference's own parser fails, so that the answer is its bare 500"


def _says(text: str, **more: object) -> dict[str, object]:
    return {"model": "demo-small", "messages": [{"role": "user", "content": text}], **more}


def _dead(path: str, **more: object) -> list[Step]:
    return [
        post("ada", path, {"model": "dead", "messages": [{"role": "user", "content": "x"}], **more}),
        post("ada", path, {"model": "dead", "messages": [{"role": "user", "content": "x"}], "stream": True, **more}),
    ]


STEPS = flat(
    get("ada", _OPENAI, save={"openai": "$"}),
    post(
        "ada",
        f"{_OPENAI}/update",
        Merged(
            "${openai}",
            {
                "OPENAI_API_BASE_URLS": ["${upstream}/v1", "http://127.0.0.1:9/v1"],
                "OPENAI_API_KEYS": ["upstream-key", "k"],
                "OPENAI_API_CONFIGS": {"1": {"enable": True, "model_ids": ["dead"]}},
            },
        ),
    ),
    get("ada", "/api/models", query={"refresh": True}),
    # Down.
    _dead(_ASK),
    _dead("/openai/chat/completions"),
    _dead("/api/v1/messages", max_tokens=5),
    post("ada", "/api/v1/messages/count_tokens", _says("x", model="dead")),
    post("ada", "/api/embeddings", {"model": "dead", "input": "x"}),
    post("ada", "/openai/responses", {"model": "dead", "input": "x"}),
    *(
        post("ada", f"/api/v1/tasks/{task}/completions", _says("x", model="dead", prompt="x", responses=["y"]))
        for task in ("title", "follow_up", "tags", "image_prompt", "emoji", "moa")
    ),
    post("ada", "/api/v1/tasks/queries/completions", _says("x", model="dead", type="web_search")),
    # Nonsense.
    post("ada", _ASK, _says("[[garbage]]")),
    post("ada", _ASK, _says("[[garbage]]", stream=True)),
    post("ada", "/openai/chat/completions", _says("[[garbage]]")),
    post(
        "ada",
        "/api/v1/messages",
        _says("[[garbage]]", max_tokens=5),
        ignore=("status",),
        why="the reference hands the nonsense on as if it were a message",
    ),
    post("ada", "/openai/responses", {"model": "demo-small", "input": "[[garbage]]"}),
    # Breaks off before it is whole.
    post("ada", _ASK, _says("[[break]]"), ignore=("status",), why=_WHY),
    post("ada", "/api/v1/messages", _says("[[break]]", max_tokens=5), ignore=("status",), why=_WHY),
    # An error within the stream.
    post("ada", _ASK, _says("[[error]]", stream=True)),
    post("ada", "/api/v1/messages", _says("[[error]]", max_tokens=5, stream=True)),
    # Refusals keep their status and their words.
    *(post("ada", _ASK, _says(f"demo-error-{status}")) for status in (400, 401, 403, 404, 429, 503)),
    *(post("ada", _ASK, _says(f"demo-error-{status}", stream=True)) for status in (401, 429, 500)),
    post("ada", "/openai/chat/completions", _says("demo-error-429")),
    post("ada", "/api/v1/messages", _says("demo-error-429", max_tokens=5)),
    post("ada", "/api/v1/messages", _says("demo-error-500", max_tokens=5, stream=True)),
    post("ada", "/api/embeddings", {"model": "demo-error-429", "input": "x"}, ignore=("status",), why=_GARBAGE),
    post("ada", "/openai/responses", {"model": "demo-small", "input": "demo-error-429"}),
    post("ada", "/openai/responses", {"model": "demo-small", "input": "demo-error-500", "stream": True}),
)
