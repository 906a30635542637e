"""Tool rounds of the package `pydantic-ai`, complete and streamed."""

from __future__ import annotations

import asyncio
import json
import sys

from pydantic_ai import Agent
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

URL, KEY, MODEL = sys.argv[1:]


def temperature(place: str) -> str:
    """Measure at a place."""
    return f"temperature of {place} is 21"


def humidity(place: str) -> str:
    """Measure at a place."""
    return f"humidity of {place} is 21"


async def main() -> None:
    model = OpenAIChatModel(MODEL, provider=OpenAIProvider(base_url=f"{URL}/api", api_key=KEY))
    agent = Agent(model, tools=[temperature, humidity], retries=0)
    answers = {}
    for name, question in (("", "What is the temperature?"), ("several ", "What are temperature and humidity?")):
        answers[f"{name}complete"] = (await agent.run(question)).output
        async with agent.run_stream(question) as result:
            answers[f"{name}streamed"] = await result.get_output()
    print(json.dumps(answers))


asyncio.run(main())
