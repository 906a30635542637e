"""Tool rounds of the package `anthropic`: turns of tool uses alone, complete and streamed."""

from __future__ import annotations

import json
import sys
from typing import Any

from anthropic import Anthropic

URL, KEY, MODEL = sys.argv[1:]
TOOLS: Any = [
    {
        "name": name,
        "description": "Measure at a place.",
        "input_schema": {"type": "object", "properties": {"place": {"type": "string"}}, "required": ["place"]},
    }
    for name in ("temperature", "humidity")
]


def answer(client: Anthropic, question: str, *, is_stream: bool) -> str:
    messages: list[Any] = [{"role": "user", "content": question}]
    while True:
        if is_stream:
            with client.messages.stream(model=MODEL, max_tokens=200, messages=messages, tools=TOOLS) as stream:
                message = stream.get_final_message()
        else:
            message = client.messages.create(model=MODEL, max_tokens=200, messages=messages, tools=TOOLS)
        uses = [block for block in message.content if block.type == "tool_use"]
        assert (message.stop_reason == "tool_use") == bool(uses), message.stop_reason
        if not uses:
            return "".join(block.text for block in message.content if block.type == "text")
        messages.append({"role": "assistant", "content": message.content})
        results = [
            {"type": "tool_result", "tool_use_id": use.id, "content": f"{use.name} of {use.input['place']} is 21"}
            for use in uses
        ]
        messages.append({"role": "user", "content": results})


# The SDK adds /v1/messages. Open WebUI expects the key as a bearer token.
client = Anthropic(base_url=f"{URL}/api", auth_token=KEY, api_key=None, max_retries=0)
print(
    json.dumps(
        {
            "complete": answer(client, "What is the temperature?", is_stream=False),
            "streamed": answer(client, "What is the temperature?", is_stream=True),
            "several": answer(client, "What are temperature and humidity?", is_stream=False),
            "several streamed": answer(client, "What are temperature and humidity?", is_stream=True),
        }
    )
)
