"""Providers that are down, return invalid answers, fail or break off, and the errors that API clients receive."""

from parity.steps import Merged, Step, flatten_steps, get, post

_OPENAI = "/openai/config"
_ASK = "/api/chat/completions"
_WHY = "the provider broke off in the middle: the reference answers 200 with an error in it"
_GARBAGE = "the reference's own parser fails, so that the answer is its bare 500"


def _make_request(text: str, **more: object) -> dict[str, object]:
    return {"model": "demo-small", "messages": [{"role": "user", "content": text}], **more}


def _request_dead_server(path: str, **more: object) -> list[Step]:
    return [
        post("ada", path, {"model": "dead", "messages": [{"role": "user", "content": "x"}], **more}),
        post("ada", path, {"model": "dead", "messages": [{"role": "user", "content": "x"}], "stream": True, **more}),
    ]


STEPS = flatten_steps(
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
    # The server is down.
    _request_dead_server(_ASK),
    _request_dead_server("/openai/chat/completions"),
    _request_dead_server("/api/v1/messages", max_tokens=5),
    post("ada", "/api/v1/messages/count_tokens", _make_request("x", model="dead")),
    post("ada", "/api/embeddings", {"model": "dead", "input": "x"}),
    post("ada", "/openai/responses", {"model": "dead", "input": "x"}),
    *(
        post("ada", f"/api/v1/tasks/{task}/completions", _make_request("x", model="dead", prompt="x", responses=["y"]))
        for task in ("title", "follow_up", "tags", "image_prompt", "emoji", "moa")
    ),
    post("ada", "/api/v1/tasks/queries/completions", _make_request("x", model="dead", type="web_search")),
    # Invalid answers.
    post("ada", _ASK, _make_request("[[garbage]]")),
    post("ada", _ASK, _make_request("[[garbage]]", stream=True)),
    post("ada", "/openai/chat/completions", _make_request("[[garbage]]")),
    post(
        "ada",
        "/api/v1/messages",
        _make_request("[[garbage]]", max_tokens=5),
        ignore=("status",),
        why="the reference hands the nonsense on as if it were a message",
    ),
    post("ada", "/openai/responses", {"model": "demo-small", "input": "[[garbage]]"}),
    # The answer breaks off.
    post("ada", _ASK, _make_request("[[break]]"), ignore=("status",), why=_WHY),
    post("ada", "/api/v1/messages", _make_request("[[break]]", max_tokens=5), ignore=("status",), why=_WHY),
    # An error in the stream.
    post("ada", _ASK, _make_request("[[error]]", stream=True)),
    post("ada", "/api/v1/messages", _make_request("[[error]]", max_tokens=5, stream=True)),
    # Refusals keep their status and their text.
    *(post("ada", _ASK, _make_request(f"demo-error-{status}")) for status in (400, 401, 403, 404, 429, 503)),
    *(post("ada", _ASK, _make_request(f"demo-error-{status}", stream=True)) for status in (401, 429, 500)),
    post("ada", "/openai/chat/completions", _make_request("demo-error-429")),
    post("ada", "/api/v1/messages", _make_request("demo-error-429", max_tokens=5)),
    post("ada", "/api/v1/messages", _make_request("demo-error-500", max_tokens=5, stream=True)),
    post("ada", "/api/embeddings", {"model": "demo-error-429", "input": "x"}, ignore=("status",), why=_GARBAGE),
    post("ada", "/openai/responses", {"model": "demo-small", "input": "demo-error-429"}),
    post("ada", "/openai/responses", {"model": "demo-small", "input": "demo-error-500", "stream": True}),
)
