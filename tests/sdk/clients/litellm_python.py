"""Tool rounds of the package `litellm`, complete and streamed."""

from __future__ import annotations

import json
import os
import sys
from typing import Any

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # otherwise the import fetches prices from the network

import litellm

URL, KEY, MODEL = sys.argv[1:]
litellm.telemetry = False
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


def answer(question: str, *, is_stream: bool) -> str:
    messages: list[Any] = [{"role": "user", "content": question}]
    while True:
        response = litellm.completion(
            model=f"openai/{MODEL}",
            api_base=f"{URL}/api",
            api_key=KEY,
            messages=messages,
            tools=TOOLS,
            stream=is_stream,
            num_retries=0,
        )
        if is_stream:
            response = litellm.stream_chunk_builder(list(response), messages=messages)
        message = response.choices[0].message
        if not message.tool_calls:
            return str(message.content)
        messages.append(message)
        for call in message.tool_calls:
            place = json.loads(call.function.arguments)["place"]
            content = f"{call.function.name} of {place} is 21"
            messages.append({"role": "tool", "tool_call_id": call.id, "name": call.function.name, "content": content})


print(
    json.dumps(
        {
            "complete": answer("What is the temperature?", is_stream=False),
            "streamed": answer("What is the temperature?", is_stream=True),
            "several": answer("What are temperature and humidity?", is_stream=False),
            "several streamed": answer("What are temperature and humidity?", is_stream=True),
        }
    )
)
