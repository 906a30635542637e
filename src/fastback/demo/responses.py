"""OpenAI's Responses API, whole and as events: reasoning, calls of functions and text, each an item of the output.

Format: `POST /v1/responses`; a stream is server-sent events `response.created`, `response.output_item.added`,
`response.output_text.delta`, `response.function_call_arguments.delta`, …, `response.completed`, numbered one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from fastback.demo.asgi import Exchange
from fastback.demo.openai import EVENTS, steered
from fastback.demo.replies import Answer, Asked, Call, count_of, text_of, tools_of

Json = dict[str, Any]
Event = Callable[..., bytes]


def asked(body: Json) -> Asked:
    given = body.get("input")
    items = [{"role": "user", "content": given}] if isinstance(given, str) else given or []
    messages = [("system", str(body["instructions"]))] if body.get("instructions") else []
    for item in items:
        kind = item.get("type", "message")
        if kind == "message":
            messages.append((str(item.get("role")), text_of(item.get("content"))))
        elif kind == "function_call_output":
            messages.append(("tool", text_of(item.get("output"))))
        elif kind == "function_call":
            messages.append(("assistant", str(item.get("arguments"))))
    name = str(body.get("model") or "")
    return Asked(
        name,
        messages,
        [] if body.get("tool_choice") == "none" else tools_of(body.get("tools")),
        count_of(body.get("max_output_tokens")),
        count_of(body.get("n_tokens")),
        reasons=name == "demo-reasoner",
    )


def _reasoning(answer: Answer, *, begun: bool = False) -> Json:
    summary = [] if begun else [{"type": "summary_text", "text": "".join(answer.reasoning)}]
    return {"id": "rs_demo", "type": "reasoning", "summary": summary}


def _function(call: Call, *, begun: bool = False) -> Json:
    return {
        "id": f"fc_{call.id.removeprefix('call_')}",
        "type": "function_call",
        "status": "in_progress" if begun else "completed",
        "call_id": call.id,
        "name": call.name,
        "arguments": "" if begun else call.arguments,
    }


def _part(text: str) -> Json:
    return {"type": "output_text", "text": text, "annotations": []}


def _message(answer: Answer, *, begun: bool = False) -> Json:
    status = "in_progress" if begun else ("incomplete" if answer.finish == "length" else "completed")
    content = [] if begun else [_part(answer.text)]
    return {"id": "msg_demo", "type": "message", "status": status, "role": "assistant", "content": content}


def _output(answer: Answer) -> list[Json]:
    found = [_reasoning(answer)] if answer.reasoning else []
    return [*found, *map(_function, answer.calls)] if answer.calls else [*found, _message(answer)]


def _response(question: Asked, answer: Answer | None) -> Json:
    """The whole answer; None while it is being made."""
    head = {"id": "resp_demo", "object": "response", "created_at": 1700000000, "model": question.model, "error": None}
    if answer is None:
        return {**head, "status": "in_progress", "incomplete_details": None, "output": [], "usage": None}
    short = answer.finish == "length"
    usage = {
        "input_tokens": question.prompt_tokens,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": answer.count,
        "output_tokens_details": {"reasoning_tokens": len(answer.reasoning)},
        "total_tokens": question.prompt_tokens + answer.count,
    }
    return {
        **head,
        "status": "incomplete" if short else "completed",
        "incomplete_details": {"reason": "max_output_tokens"} if short else None,
        "output": _output(answer),
        "usage": usage,
    }


async def respond(exchange: Exchange) -> None:
    """Answer `POST /v1/responses`."""
    question = asked(exchange.body)
    if await steered(exchange, question):
        return
    if not exchange.body.get("stream"):
        if question.wants("break"):
            await exchange.break_off()
        await exchange.wait(question.silence)
        await exchange.json(_response(question, question.answer()))
        return
    number = -1

    def event(kind: str, **fields: Any) -> bytes:
        nonlocal number
        number += 1
        content = msgspec.json.encode({"type": kind, "sequence_number": number, **fields})
        return b"event: " + kind.encode() + b"\ndata: " + content + b"\n\n"

    async with exchange.stream(EVENTS) as stream:
        await stream.raw(event("response.created", response=_response(question, None)))
        await stream.raw(event("response.in_progress", response=_response(question, None)))
        if question.wants("error"):
            failed = {**_response(question, None), "status": "failed"}
            failed["error"] = {"code": "server_error", "message": "demo failure in the stream"}
            await stream.raw(event("response.failed", response=failed))
            return
        answer = question.answer()
        place = 0
        if answer.reasoning:
            await stream.say(_reasoned(event, answer))
            place = 1
        for call in answer.calls:
            await stream.say(_called(event, call, place))
            place += 1
        if not answer.calls:
            await stream.say(_told(event, answer, place), silence=question.silence, breaks=question.wants("break"))
        ended = "response.incomplete" if answer.finish == "length" else "response.completed"
        await stream.raw(event(ended, response=_response(question, answer)))


def _reasoned(event: Event, answer: Answer) -> Iterator[bytes]:
    at: Json = {"item_id": "rs_demo", "output_index": 0, "summary_index": 0}
    text = "".join(answer.reasoning)
    yield event("response.output_item.added", output_index=0, item=_reasoning(answer, begun=True))
    yield event("response.reasoning_summary_part.added", **at, part={"type": "summary_text", "text": ""})
    for piece in answer.reasoning:
        yield event("response.reasoning_summary_text.delta", **at, delta=piece)
    yield event("response.reasoning_summary_text.done", **at, text=text)
    yield event("response.reasoning_summary_part.done", **at, part={"type": "summary_text", "text": text})
    yield event("response.output_item.done", output_index=0, item=_reasoning(answer))


def _called(event: Event, call: Call, place: int) -> Iterator[bytes]:
    item = _function(call)
    at: Json = {"item_id": item["id"], "output_index": place}
    yield event("response.output_item.added", output_index=place, item=_function(call, begun=True))
    for part in call.fragments():
        yield event("response.function_call_arguments.delta", **at, delta=part)
    yield event("response.function_call_arguments.done", **at, arguments=call.arguments)
    yield event("response.output_item.done", output_index=place, item=item)


def _told(event: Event, answer: Answer, place: int) -> Iterator[bytes]:
    at: Json = {"item_id": "msg_demo", "output_index": place, "content_index": 0}
    yield event("response.output_item.added", output_index=place, item=_message(answer, begun=True))
    yield event("response.content_part.added", **at, part=_part(""))
    for piece in answer.pieces:
        yield event("response.output_text.delta", **at, delta=piece, logprobs=[])
    yield event("response.output_text.done", **at, text=answer.text, logprobs=[])
    yield event("response.content_part.done", **at, part=_part(answer.text))
    yield event("response.output_item.done", output_index=place, item=_message(answer))
