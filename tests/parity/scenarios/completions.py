"""Completions for API clients: complete, streamed, refused; embeddings; Anthropic's format."""

from parity.steps import delete, flatten_steps, get, post, refused_steps

_ASK = "/api/chat/completions"
_HI = {"model": "demo-small", "messages": [{"role": "user", "content": "[[tokens 3]]"}]}
_TOOL = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
_CLAUDE_TOOL = {
    "name": "weather",
    "description": "The weather",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
_WEATHER = [{"role": "user", "content": "What is the weather?"}]
_CRASH = "the reference does not catch its own exception for a model that cannot be had"
_CLAUDE = {"model": "demo-small", "max_tokens": 50, "messages": [{"role": "user", "content": "[[tokens 3]]"}]}
_COMPLETED = {"id": "a", "chat_id": "temporary:x", "session_id": "x", "model": "demo-small", "messages": []}

STEPS = flatten_steps(
    post("ada", _ASK, _HI),
    post("bob", _ASK, _HI),
    post("ada", "/api/v1/chat/completions", _HI),
    post("ada", _ASK, {**_HI, "stream": False, "temperature": 0.1, "max_tokens": 5}),
    post("ada", _ASK, {**_HI, "stream": True}),
    post("ada", _ASK, {**_HI, "stream": True, "stream_options": {"include_usage": True}}),
    post("ada", _ASK, {**_HI, "tools": [_TOOL]}),
    post("ada", _ASK, {"model": "demo-reasoner", "messages": [{"role": "user", "content": "[[tokens 2]]"}]}),
    refused_steps("anonymous pending", "POST", _ASK, _HI),
    post("ada", _ASK, {**_HI, "model": "nothing"}),
    post("bob", _ASK, {**_HI, "model": "nothing"}),
    post("ada", _ASK, {"messages": _HI["messages"]}),
    post("ada", _ASK, {"model": "demo-small"}),
    post("ada", _ASK, {}),
    post("ada", _ASK, raw=b"{", headers={"content-type": "application/json"}),
    post("ada", _ASK, [1]),
    post("ada", _ASK, {**_HI, "messages": [{"role": "user", "content": "demo-error-429"}]}),
    post("ada", _ASK, {**_HI, "messages": [{"role": "user", "content": "demo-error-500"}]}),
    post("ada", _ASK, {**_HI, "stream": True, "messages": [{"role": "user", "content": "demo-error-400"}]}),
    # With the API key of the administrator and a workspace model.
    post("ada", "/api/v1/auths/api_key", save={"ada.key": "$.api_key"}),
    post("key:ada.key", _ASK, _HI),
    post(
        "ada",
        "/api/v1/models/create",
        {
            "id": "short",
            "base_model_id": "demo-small",
            "name": "Short",
            "meta": {},
            "params": {"system": "Be short.", "temperature": 0},
            "access_grants": [{"principal_type": "user", "principal_id": "*", "permission": "read"}],
        },
    ),
    get("ada", "/api/models", query={"refresh": True}),
    post("key:ada.key", _ASK, {**_HI, "model": "short"}),
    post("bob", _ASK, {**_HI, "model": "short", "stream": True}),
    # Embeddings.
    post("ada", "/api/embeddings", {"model": "demo-embedding", "input": "one"}, ignore=("$.data",), why="long numbers"),
    post(
        "ada",
        "/api/v1/embeddings",
        {"model": "demo-embedding", "input": ["one", "two"]},
        ignore=("$.data",),
        why="long",
    ),
    post("ada", "/api/embeddings", {"model": "nothing", "input": "one"}, ignore=("status",), why=_CRASH),
    post("ada", "/api/embeddings", {}, ignore=("status",), why=_CRASH),
    refused_steps("anonymous pending", "POST", "/api/embeddings", {"model": "demo-embedding", "input": "one"}),
    post("bob", "/api/embeddings", {"model": "demo-embedding", "input": "one"}, ignore=("status",), why=_CRASH),
    # Messages.
    post("ada", "/api/message", _CLAUDE),
    post("ada", "/api/v1/messages", _CLAUDE),
    post("ada", "/api/v1/messages", {**_CLAUDE, "stream": True}),
    post("ada", "/api/v1/messages", {**_CLAUDE, "model": "demo-reasoner", "stream": True}),
    post("ada", "/api/v1/messages", {**_CLAUDE, "model": "demo-reasoner"}),
    post("ada", "/api/v1/messages", {**_CLAUDE, "tools": [_CLAUDE_TOOL], "messages": _WEATHER}),
    post("ada", "/api/v1/messages", {**_CLAUDE, "tools": [_CLAUDE_TOOL], "messages": _WEATHER, "stream": True}),
    post("ada", "/api/v1/messages", {**_CLAUDE, "system": [{"type": "text", "text": "Be short."}], "top_k": 3}),
    post("bob", "/api/v1/messages", _CLAUDE),
    post("ada", "/api/v1/messages", {**_CLAUDE, "model": "nothing"}),
    post("ada", "/api/v1/messages", {}),
    refused_steps("anonymous pending", "POST", "/api/v1/messages", _CLAUDE),
    post("ada", "/api/v1/messages/count_tokens", _CLAUDE),
    post("ada", "/api/message/count_tokens", {}),
    post("ada", "/api/v1/messages/count_tokens", {**_CLAUDE, "model": "nothing"}),
    post("bob", "/api/v1/messages/count_tokens", _CLAUDE),
    post("bob", "/api/v1/messages/count_tokens", {**_CLAUDE, "model": "nothing"}),
    refused_steps("anonymous pending", "POST", "/api/v1/messages/count_tokens", _CLAUDE),
    # Running tasks.
    get("ada", "/api/tasks"),
    refused_steps("anonymous bob", "GET", "/api/tasks"),
    get("bob", "/api/tasks/chat/nothing"),
    post("bob", "/api/tasks/chat/nothing/stop"),
    post("ada", "/api/tasks/stop/nothing"),
    refused_steps("anonymous bob", "POST", "/api/tasks/stop/nothing"),
    refused_steps("anonymous pending", "GET", "/api/tasks/chat/nothing"),
    post("ada", "/api/chat/completed", {"model": "nothing", "messages": []}),
    post("ada", "/api/chat/completed", {"id": "a", "model": "nothing", "messages": []}),
    post("ada", "/api/chat/completed", {"id": "a", "messages": []}),
    post("ada", "/api/chat/completed", {"id": "a", "model": "demo-small", "messages": []}),
    post("ada", "/api/chat/completed", _COMPLETED),
    post("bob", "/api/chat/completed", {**_COMPLETED, "chat_id": "nothing"}),
    post("ada", "/api/chat/completed", {**_COMPLETED, "chat_id": "channel:x"}),
    refused_steps("pending", "POST", "/api/chat/completed", _COMPLETED),
    post("ada", "/api/chat/actions/nothing", {"model": "demo-small"}),
    post("ada", "/api/chat/actions/nothing.part", {"model": "demo-small"}),
    post("bob", "/api/chat/actions/nothing", {"model": "demo-small", "chat_id": "nothing"}),
    post("ada", "/api/chat/actions/nothing", {"model": "demo-small", "chat_id": "channel:x"}),
    refused_steps("anonymous pending", "POST", "/api/chat/actions/nothing", {"model": "demo-small"}),
    # The user's own chat, without a running task.
    post("bob", "/api/v1/chats/new", {"chat": {"title": "Mine"}}, save={"mine": "$.id"}),
    get("bob", "/api/tasks/chat/${mine}"),
    post("bob", "/api/tasks/chat/${mine}/stop"),
    get("cy", "/api/tasks/chat/${mine}"),
    post("cy", "/api/tasks/chat/${mine}/stop"),
    get("bob", "/api/tasks/chat/temporary:x"),
    post("bob", "/api/tasks/chat/temporary:x/stop"),
    refused_steps("anonymous", "POST", "/api/chat/completed", {}),
    delete("anonymous", _ASK),
)
