"""Tool rounds of the package `openai`: complete, streamed, several calls at once, and over the Responses API."""

from __future__ import annotations

import json
import sys
from typing import Any

from openai import OpenAI

URL, KEY, MODEL = sys.argv[1:]
TOOLS: Any = [
    {
        "type": "function",
        "function": {
            "name": name,
            "description": "Measure at a place.",
            "parameters": {"type": "object", "properties": {"place": {"type": "string"}}, "required": ["place"]},
        },
    }
    for name in ("temperature", "humidity")
]


def measure(name: str, arguments: str) -> str:
    return f"{name} of {json.loads(arguments)['place']} is 21"


def answer_complete(client: OpenAI, question: str) -> str:
    """Send back the SDK's own message objects, in which the content of a call is null."""
    messages: list[Any] = [{"role": "user", "content": question}]
    while True:
        message = client.chat.completions.create(model=MODEL, messages=messages, tools=TOOLS).choices[0].message
        if not message.tool_calls:
            return message.content or ""
        messages.append(message)
        for call in message.tool_calls:
            result = measure(call.function.name, call.function.arguments)
            messages.append({"role": "tool", "tool_call_id": call.id, "content": result})


def answer_streamed(client: OpenAI, question: str) -> str:
    """Gather the calls with the SDK's helper for streams."""
    messages: list[Any] = [{"role": "user", "content": question}]
    while True:
        with client.chat.completions.stream(model=MODEL, messages=messages, tools=TOOLS) as stream:
            message = stream.get_final_completion().choices[0].message
        if not message.tool_calls:
            return message.content or ""
        calls = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.function.name, "arguments": call.function.arguments},
            }
            for call in message.tool_calls
        ]
        messages.append({"role": "assistant", "tool_calls": calls})
        for call in message.tool_calls:
            result = measure(call.function.name, call.function.arguments)
            messages.append({"role": "tool", "tool_call_id": call.id, "content": result})


client = OpenAI(base_url=f"{URL}/api", api_key=KEY, max_retries=0)
openai_door = OpenAI(base_url=f"{URL}/openai", api_key=KEY, max_retries=0)
print(
    json.dumps(
        {
            "complete": answer_complete(client, "What is the temperature?"),
            "streamed": answer_streamed(client, "What is the temperature?"),
            "several": answer_complete(client, "What are temperature and humidity?"),
            "several streamed": answer_streamed(client, "What are temperature and humidity?"),
            "openai door": answer_complete(openai_door, "What is the temperature?"),
        }
    )
)
