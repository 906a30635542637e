"""Tool rounds of the package `openai-agents` over chat completions, complete and streamed."""

from __future__ import annotations

import asyncio
import json
import sys

from agents import Agent, OpenAIChatCompletionsModel, Runner, function_tool, set_tracing_disabled
from openai import AsyncOpenAI

URL, KEY, MODEL = sys.argv[1:]


@function_tool
def temperature(place: str) -> str:
    """Measure at a place."""
    return f"temperature of {place} is 21"


@function_tool
def humidity(place: str) -> str:
    """Measure at a place."""
    return f"humidity of {place} is 21"


async def main() -> None:
    set_tracing_disabled(True)
    client = AsyncOpenAI(base_url=f"{URL}/api", api_key=KEY, max_retries=0)
    model = OpenAIChatCompletionsModel(model=MODEL, openai_client=client)
    agent = Agent(name="Weather", instructions="Be brief.", model=model, tools=[temperature, humidity])
    answers = {}
    for name, question in (("", "What is the temperature?"), ("several ", "What are temperature and humidity?")):
        answers[f"{name}complete"] = (await Runner.run(agent, question)).final_output
        streamed = Runner.run_streamed(agent, question)
        async for _ in streamed.stream_events():
            pass
        answers[f"{name}streamed"] = streamed.final_output
    print(json.dumps(answers))


asyncio.run(main())
