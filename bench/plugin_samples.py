"""Plugins whose cost is measured: pipes that answer at once, and filters that do next to nothing."""

from __future__ import annotations

#: Answers "[[tokens N]]" with N words, as the model server of the demo does.
_WORDS = """
import re


def count_words(body):
    return int(re.search(r"tokens (\\d+)", body["messages"][-1]["content"])[1])


class Pipe:
"""

ASYNC_PIPE = (
    _WORDS
    + """
    async def pipe(self, body, __user__=None, __event_emitter__=None):
        for number in range(count_words(body)):
            yield f"word{number} "
"""
)

SYNC_PIPE = (
    _WORDS
    + """
    def pipe(self, body, __user__=None, __event_emitter__=None):
        for number in range(count_words(body)):
            yield f"word{number} "
"""
)

#: A filter that looks at each request and each chunk; `{name}` makes each one different.
FILTER = '''
"""
title: {name}
"""
from pydantic import BaseModel


class Filter:
    class Valves(BaseModel):
        priority: int = 0
        greeting: str = "{name}"

    def __init__(self):
        self.valves = self.Valves()
        self.count = 0

    async def inlet(self, body, __user__=None):
        body["messages"][-1]["content"] = body["messages"][-1]["content"].strip()
        return body

    def stream(self, event):
        self.count += 1
        return event
'''


def build_filter(name: str, *, has_stream: bool = True) -> str:
    code = FILTER.format(name=name)
    return code if has_stream else code.replace("def stream(", "def unused(")


TOOL = '''
class Tools:
    async def add_at_once(self, city: str = "", days: int = 1) -> str:
        """
        Return a text at once.
        :param city: a city
        :param days: a number of days
        """
        return f"{city} {days}"
'''
