"""Actions and tools that show what they are given."""

from __future__ import annotations

from parity.probe_plugins import HELPERS

#: An action that does what `do` in its body says.
ACTION = (
    HELPERS
    + """
from pydantic import BaseModel


class Action:
    actions = [
        {"id": "short", "name": "Short", "icon_url": "data:image/short"},
        {"id": "long"},
    ]

    class Valves(BaseModel):
        priority: int = 0
        word: str = "please"

    class UserValves(BaseModel):
        tone: str = "kind"

    def __init__(self):
        self.valves = self.Valves()

    async def action(self, body, __user__, __id__, __model__, __request__, __event_emitter__, __event_call__):
        do = body.get("do")
        if do == "raise":
            raise ValueError("not pressed")
        if do == "none":
            return None
        if do == "text":
            return "done"
        if do == "list":
            return [1, 2.5, None, {"a": True}]
        if do == "show":
            return show({
                "body": body, "user": sorted(__user__), "valves": __user__["valves"], "word": self.valves.word,
                "id": __id__, "model_keys": list_keys(__model__), "path": __request__.url.path,
                "emitter": __event_emitter__, "call": __event_call__,
            })
        body["pressed"] = __id__
        return body
"""
)

PLAIN_ACTION = """
class Action:
    def action(self, body):
        return {"plain": body["model"]}
"""

TOOL = '''
from typing import Literal, Optional


class Tools:
    def add(self, a: int, b: int = 2) -> int:
        """
        Add two numbers.

        :param a: The first
        :param b: The second
        """
        return a + b

    async def greet(self, name: str, tone: Literal["kind", "rude"] = "kind", __user__: dict = {}) -> str:
        """Greet somebody."""
        return f"{__user__['name']} greets {name}, {tone}"

    def fail(self, why: Optional[str] = None):
        """Fail."""
        raise ValueError(why or "no reason")
'''
