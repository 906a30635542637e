"""The catalogue of faults: how model servers misbehave, and what their answers consist of all the same."""

from __future__ import annotations

import json

from fault_events import (
    CHOICE,
    CONNECTION_ERROR,
    COUNTS,
    DONE,
    END,
    FUNCTION,
    HELLO,
    HELLO_PIECES,
    LOOK,
    NO_MESSAGE,
    NOT_JSON,
    STOP,
    call,
    calls,
    chunk,
    completion,
    encode,
    event,
    openai,
    text,
    whole,
)
from provider_faults_of_other_protocols import OLLAMA, RESPONSES

#: How events are laid out in bytes.
FRAMES = [
    openai("crlf", HELLO.replace(b"\n", b"\r\n")),
    openai("cr", HELLO.replace(b"\n", b"\r")),
    openai("crlf-cut-in-two", *(piece + b"\n" for piece in HELLO.replace(b"\n", b"\r\n").split(b"\n") if piece)),
    openai("every-byte-by-itself", *(bytes([byte]) for byte in text("Hello") + END)),
    openai("byte-order-mark", b"\xef\xbb\xbf" + HELLO),
    openai("no-space-after-data", HELLO.replace(b"data: ", b"data:")),
    openai("no-blank-lines", *(piece.replace(b"\n\n", b"\n") for piece in HELLO_PIECES)),
    openai("spaces-after-payloads", HELLO.replace(b"\n\n", b"  \n\n")),
    openai(
        "data-over-several-lines",
        event(json.dumps(chunk(content="Hello"), indent=1).replace("\n", "\ndata: ").encode()),
        END,
    ),
    openai("data-over-several-lines-cut", b'data: {"choices":\ndata: ', b'[{"delta": {"content": "Hello"}}]}\n\n', END),
    openai(
        "comments-and-other-fields",
        b": ping\n\n",
        b"event: message\nid: 1\nretry: 5\n: x\n" + text("Hello"),
        b":\n\n",
        END,
    ),
    openai("comment-inside-an-event", b'data: {"choices":\n: ping\ndata: [{"delta": {"content": "Hello"}}]}\n\n', END),
    openai("bare-json-lines", encode(chunk(content="Hello")) + b"\n", END),
    openai("last-line-without-end", text("Hello"), STOP.rstrip()),
    openai("done-without-end", text("Hello"), STOP, b"data: [DONE]"),
    openai("empty-data", b"data:\n\ndata: {}\n\n", text("Hello"), b"data: null\n\ndata: 5\n\ndata: []\n\n", END),
    openai("garbage-between", text("Hel"), b"data: {oops\n\n", b"<html>\n\n", text("lo"), END),
    openai("deep-nesting-between", text("Hel"), event(b"[" * 5000 + b"]" * 5000), text("lo"), END),
    openai("capital-content-type", HELLO, content_type="Text/Event-Stream; charset=UTF-8"),
    openai(
        "characters-cut-in-two",
        *(bytes([byte]) for byte in event('{"choices": [{"delta": {"content": "Grüße 👋"}}]}'.encode())),
        END,
        text="Grüße 👋",
    ),
]

#: How streams end.
ENDINGS = [
    openai("end-without-done", text("Hello"), STOP),
    openai("end-without-finish-reason", text("Hello"), usage=None),
    openai("end-in-the-middle-of-a-line", text("Hello"), b'data: {"choices": [{"del', usage=None),
    openai("empty-stream", text="", usage=None),
    openai("done-alone", DONE, text="", usage=None),
    openai("text-after-done", text("Hello"), END, text(" again")),
    openai(
        "usage-after-finish-reason", text("Hello"), event(chunk("stop")), event({"choices": [], "usage": COUNTS}), DONE
    ),
    openai("break-at-once", breaks=True, text="", usage=None, error=CONNECTION_ERROR),
    openai("break-after-text", text("Hello"), breaks=True, usage=None, error=CONNECTION_ERROR),
    openai("break-right-after-text", text("Hello"), breaks=True, pause=0, usage=None, error=CONNECTION_ERROR),
    openai(
        "break-in-a-line", text("Hello"), b'data: {"choices": [{"del', breaks=True, usage=None, error=CONNECTION_ERROR
    ),
    openai("break-before-a-line-end", text("Hel"), text("lo")[:-2], breaks=True, usage=None, error=CONNECTION_ERROR),
]

#: Texts that strict JSON refuses.
TEXTS = [
    openai("surrogates-in-two-chunks", text("Hi \ud83d"), text("\udc4b!"), END, text="Hi 👋!"),
    openai("first-surrogate-alone", text("Hel\ud83d"), text("lo"), END, text="Hel\ufffdlo"),
    openai("second-surrogate-alone", text("Hel\udc4b"), text("lo"), END, text="Hel\ufffdlo"),
    openai("surrogate-at-the-end", text("Hello\ud83d"), END),
    openai(
        "byte-that-is-no-utf-8", event(b'{"choices": [{"delta": {"content": "Hel\xfflo"}}]}'), END, text="Hel\ufffdlo"
    ),
    openai("no-utf-8-in-an-unknown-field", event(b'{"x": "\xff", "choices": [{"delta": {}}]}'), text("Hello"), END),
    openai(
        "no-utf-8-in-the-last-chunk",
        text("Hello"),
        event(b'{"x": "\xff", "choices": [{"delta": {}, "finish_reason": "stop"}]}'),
        event({"choices": [], "usage": COUNTS}),
    ),
    openai("control-characters", event(b'{"choices": [{"delta": {"content": "Hel\tlo"}}]}'), END, text="Hel\tlo"),
    openai("nan", event(b'{"logprobs": NaN, "choices": [{"delta": {"content": "Hello"}}]}'), END),
    openai("number-out-of-range", event(b'{"usage": {"x": 1e999}, "choices": [{"delta": {"content": "Hello"}}]}'), END),
    openai(
        "number-of-a-thousand-digits",
        event(b'{"created": ' + b"9" * 5000 + b', "choices": [{"delta": {"content": "Hello"}}]}'),
        END,
    ),
    openai("nul-after-the-payload", event(encode(chunk(content="Hello")) + b"\x00"), END),
]

#: Values of other types than the protocol has.
SHAPES = [
    openai("content-in-parts", text([{"type": "text", "text": "Hel"}, {"type": "text", "text": "lo"}]), END),
    openai(
        "content-with-thinking-parts",
        text([{"type": "thinking", "thinking": [{"type": "text", "text": "Hm"}]}]),
        text([{"type": "text", "text": "Hello"}]),
        END,
        reasoning="Hm",
    ),
    openai("content-of-texts", text(["Hel", "lo"]), END),
    openai("content-an-object", text({"type": "text", "text": "Hello"}), END),
    openai("content-a-number", text(4), text(2), END, text="42"),
    openai("content-a-boolean", text(True), END, text="true"),
    openai("delta-a-text", event({"choices": [{**CHOICE, "delta": "Hello"}]}), END),
    openai("delta-null", event({"choices": [{**CHOICE, "delta": None}]}), text("Hello"), END),
    openai("choices-null", event({"choices": None}), text("Hello"), END),
    openai("choices-an-object", event({"choices": {**CHOICE, "delta": {"content": "Hello"}}}), END),
    openai("choices-with-null", event({"choices": [None]}), text("Hello"), END),
    openai("choices-empty-object", event({"choices": {}}), text("Hello"), END),
    openai("whole-message-in-a-chunk", event(completion("Hello")), DONE),
    openai(
        "message-beside-delta",
        event({"choices": [{**CHOICE, "delta": {"content": "Hel"}, "message": {"content": "Hel"}}]}),
        event({"choices": [{**CHOICE, "delta": {"content": "lo"}, "message": {"content": "Hello"}}]}),
        END,
    ),
    openai("message-at-the-end", text("Hello"), event(completion("Hello")), DONE),
    openai("finish-reason-a-number", text("Hello"), event({**chunk(1), "usage": COUNTS}), DONE),
    openai("refusal", event(chunk(refusal="Hello")), END),
    openai("reasoning", event(chunk(reasoning="Hm")), text("Hello"), END, reasoning="Hm"),
    openai("thinking", event(chunk(thinking="Hm")), text("Hello"), END, reasoning="Hm"),
    openai(
        "thinking-blocks",
        event(chunk(thinking_blocks=[{"type": "thinking", "thinking": "Hm"}])),
        text("Hello"),
        END,
        reasoning="Hm",
    ),
    openai("reasoning-a-list", event(chunk(reasoning_content=[{"text": "Hm"}])), text("Hello"), END, reasoning="Hm"),
    openai("list-of-one-chunk", event([chunk(content="Hello")]), END),
    openai("usage-a-list", event({**chunk(content="Hello"), "usage": [1, 2]}), END),
    openai("usage-a-text", event({**chunk(content="Hello"), "usage": "12"}), END),
    openai(
        "usage-of-texts",
        text("Hello"),
        event({**chunk("stop"), "usage": {"prompt_tokens": "3", "completion_tokens": "2"}}),
        DONE,
    ),
    openai("usage-null-at-the-end", text("Hello"), STOP, event({"choices": [], "usage": None}), DONE),
    openai(
        "usage-in-two-parts",
        event({**chunk(content="Hello"), "usage": {"prompt_tokens": 3}}),
        event({**chunk("stop"), "usage": {"completion_tokens": 2}}),
        DONE,
    ),
    openai(
        "usage-with-null",
        text("Hello"),
        event({**chunk("stop"), "usage": {**COUNTS, "prompt_tokens_details": None}}),
        DONE,
    ),
    openai(
        "usage-as-timings", text("Hello"), event({**chunk("stop"), "timings": {"prompt_n": 3, "predicted_n": 2}}), DONE
    ),
]

#: Errors, and what only looks like one.
ERRORS = [
    openai("error-false", event({**chunk(content="Hello"), "error": False}), END),
    openai("error-empty-object", event({**chunk(content="Hello"), "error": {}}), END),
    openai("error-empty-text", event({**chunk(content="Hello"), "error": ""}), END),
    openai("error-null", event({**chunk(content="Hello"), "error": None}), END),
    openai("error-object", text("Hello"), event({"error": {"message": "No."}}), usage=None, error="No."),
    openai("error-text", text("Hello"), event({"error": "No."}), DONE, usage=None, error="No."),
    openai(
        "error-beside-text",
        event({**chunk("error", content="Hello"), "error": {"code": 5, "message": "No."}}),
        DONE,
        usage=None,
        error="No.",
    ),
    openai(
        "error-event", text("Hello"), b'event: error\ndata: {"error": {"detail": "No."}}\n\n', usage=None, error="No."
    ),
    openai("error-bare", text("Hello"), b'{"error": {"message": "No."}}\n', usage=None, error="No."),
    openai(
        "error-bare-over-lines",
        text("Hello"),
        b'{\n  "error": {\n    "message": "No."\n  }\n}\n',
        usage=None,
        error="No.",
    ),
    openai("error-in-a-list", b'[{"error": {"message": "No."}}]', text="", usage=None, error="No."),
]

CALLS = [
    calls(
        "calls-an-object",
        call(index=0, id="a", function=FUNCTION)
        .replace(b'[{"index": 0, "id"', b'{"index": 0, "id"')
        .replace(b"}}]}", b"}}}"),
    ),
    calls("calls-an-empty-object", event(chunk(tool_calls={}, content="Hello")), text="Hello", calls=()),
    calls("calls-null", event(chunk(tool_calls=None, content="Hello")), text="Hello", calls=()),
    calls(
        "calls-without-index-by-id",
        call(id="a", function={"name": "look", "arguments": '{"a"'}),
        call(id="b", function=FUNCTION),
        call(id="a", function={"arguments": ": 1}"}),
        calls=(LOOK, LOOK),
    ),
    calls(
        "calls-without-index-and-id",
        call(function={"name": "look", "arguments": '{"a"'}),
        call(function={"arguments": ": 1}"}),
        call(function=FUNCTION),
        calls=(LOOK, LOOK),
    ),
    calls(
        "calls-all-with-index-0",
        call(index=0, id="a", function=FUNCTION),
        call(index=0, id="b", function=FUNCTION),
        calls=(LOOK, LOOK),
    ),
    calls(
        "calls-with-new-ids-in-each-delta",
        call(index=0, id="a", function={"name": "look", "arguments": '{"a"'}),
        call(index=0, id="b", function={"arguments": ": 1}"}),
    ),
    calls(
        "calls-with-index-a-text",
        call(index="0", id="a", function={"name": "look", "arguments": '{"a"'}),
        call(index="0", function={"arguments": ": 1}"}),
    ),
    calls("calls-with-a-null-function", call(index=0, id="a", function=None), call(index=0, function=FUNCTION)),
    calls(
        "calls-with-a-later-name",
        call(index=0, id="a", function={"arguments": '{"a"'}),
        call(index=0, function={"name": "look", "arguments": ": 1}"}),
    ),
    calls("arguments-an-object", call(index=0, id="a", function={"name": "look", "arguments": {"a": 1}})),
    calls("ids-as-numbers", call(index=0, id=7, function=FUNCTION)),
    calls(
        "surrogates-in-arguments",
        call(index=0, id="a", function={"name": "look", "arguments": '{"a": "\ud83d'}),
        call(index=0, function={"arguments": '\udc4b"}'}),
        calls=(("look", '{"a": "👋"}'),),
    ),
    calls(
        "calls-in-the-last-message",
        event({"choices": [{**CHOICE, "delta": {}, "message": {"tool_calls": [{"id": "a", "function": FUNCTION}]}}]}),
    ),
]

#: Responses that are no streams.
WHOLE = [
    whole("whole", completion("Hello")),
    whole("whole-with-byte-order-mark", b"\xef\xbb\xbf" + encode(completion("Hello"))),
    whole("whole-in-a-list", [completion("Hello")]),
    whole(
        "whole-in-parts",
        completion(
            [{"type": "thinking", "thinking": [{"type": "text", "text": "Hm"}]}, {"type": "text", "text": "Hello"}]
        ),
        reasoning="Hm",
    ),
    whole("whole-with-reasoning", completion("Hello", reasoning="Hm"), reasoning="Hm"),
    whole("whole-with-surrogate", completion("Hel\ud83dlo"), text="Hel\ufffdlo"),
    whole("whole-with-nan", encode({**completion("Hello"), "x": float("nan")})),
    whole(
        "whole-with-calls",
        completion(None, tool_calls=[{"id": "a", "function": {"name": "look", "arguments": {"a": 1}}}]),
        text="",
        calls=(LOOK,),
    ),
    whole("whole-with-usage-a-text", {**completion("Hello"), "usage": "12"}, usage=None),
    whole("whole-without-usage", {"choices": completion("Hello")["choices"]}, usage=None),
    whole("whole-with-error-null", {**completion("Hello"), "error": None}),
    whole("whole-without-choices", {"id": "c"}, text="", usage=None, error=NO_MESSAGE),
    whole("whole-with-choices-null", {"choices": None}, text="", usage=None, error=NO_MESSAGE),
    whole("whole-with-message-null", {"choices": [{"message": None}]}, text="", usage=None, error=NO_MESSAGE),
    whole("whole-error", {"error": {"message": "No."}}, text="", usage=None, error="No."),
    whole("whole-error-with-code", {"error": {"message": "No.", "code": 429}}, text="", usage=None, error="No."),
    whole("whole-empty", b"", text="", usage=None, error=NOT_JSON),
    whole("whole-html", b"<html>Bad gateway</html>", content_type="text/html", text="", usage=None, error=NOT_JSON),
    whole("whole-deep", b"[" * 5000 + b"]" * 5000, text="", usage=None, error=NOT_JSON),
    whole("whole-break", encode(completion("Hello"))[:20], breaks=True, text="", usage=None, error=CONNECTION_ERROR),
    whole("stream-as-json", HELLO),
    whole("stream-as-text", HELLO, content_type="text/plain"),
    whole("stream-without-content-type", HELLO, content_type=""),
]

FAULTS = [*FRAMES, *ENDINGS, *TEXTS, *SHAPES, *ERRORS, *CALLS, *WHOLE, *RESPONSES, *OLLAMA]
