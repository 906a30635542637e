"""Bodies of the requests that `/ollama` forwards, in the APIs that Ollama offers."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

Payload = dict[str, Any]

_Text = str | None
_KeepAlive = int | str | None


class EmbedForm(msgspec.Struct):
    """The body of `/api/embed`."""

    model: str
    input: list[str] | str


class EmbeddingsForm(msgspec.Struct, omit_defaults=True):
    """The body of `/api/embeddings`."""

    model: str
    prompt: str
    options: Payload | None = None
    keep_alive: _KeepAlive = None


class GenerateForm(msgspec.Struct, omit_defaults=True):
    """The body of `/api/generate`."""

    model: str
    prompt: _Text = None
    suffix: _Text = None
    images: list[str] | None = None
    format: Payload | str | None = None
    options: Payload | None = None
    system: _Text = None
    template: _Text = None
    context: list[int] | None = None
    stream: bool | None = None
    raw: bool | None = None
    keep_alive: _KeepAlive = None


class OllamaMessage(msgspec.Struct):
    role: str
    content: str | None = None
    tool_calls: list[Payload] | None = None


class ChatForm(msgspec.Struct):
    """The fields of `/api/chat` that are checked."""

    model: str
    messages: list[OllamaMessage]
    options: Payload | None = None
    stream: bool | None = True


class OpenAiMessage(msgspec.Struct):
    role: str
    content: str | list[Payload] | None = None


class OpenAiChatForm(msgspec.Struct):
    """The fields of OpenAI's chat completions that are checked."""

    model: str
    messages: list[OpenAiMessage]


class OpenAiCompletionForm(msgspec.Struct):
    """The fields of OpenAI's completions that are checked."""

    model: str
    prompt: str


class ModelForm(msgspec.Struct):
    """A body that names a model."""

    model: Annotated[str, msgspec.Meta(min_length=1)]


class OpenAiEmbeddingsForm(ModelForm):
    """The fields of OpenAI's embeddings that are checked."""

    input: Any
