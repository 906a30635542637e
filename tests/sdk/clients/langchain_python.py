"""Tool rounds of the package `langchain-openai`, complete and streamed."""

from __future__ import annotations

import json
import sys
from typing import Any

from langchain_core.messages import HumanMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from pydantic import SecretStr

URL, KEY, MODEL = sys.argv[1:]


@tool
def temperature(place: str) -> str:
    """Measure at a place."""
    return f"temperature of {place} is 21"


@tool
def humidity(place: str) -> str:
    """Measure at a place."""
    return f"humidity of {place} is 21"


TOOLS = {measure.name: measure for measure in (temperature, humidity)}
CHAT = ChatOpenAI(model=MODEL, base_url=f"{URL}/api", api_key=SecretStr(KEY), max_retries=0).bind_tools(
    [*TOOLS.values()]
)


def answer(question: str, *, is_stream: bool) -> str:
    messages: list[Any] = [HumanMessage(question)]
    while True:
        if is_stream:
            message: Any = None
            for chunk in CHAT.stream(messages):
                message = chunk if message is None else message + chunk
        else:
            message = CHAT.invoke(messages)
        if not message.tool_calls:
            return str(message.content)
        messages.append(message)
        messages += [TOOLS[call["name"]].invoke(call) for call in message.tool_calls]


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
