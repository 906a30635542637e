"""Python code from which scenarios create tools and functions."""

from __future__ import annotations

TOOL = '''"""
title: Weather
author: Ada
author_url: https://example.com/ada
version: 1.2.0
license: MIT
requirements:
description: Knows the weather
"""

from typing import Literal, Optional

from pydantic import BaseModel, Field


class Place(BaseModel):
    title: str
    height: float = 0.0


class Tools:
    class Valves(BaseModel):
        api_key: str = Field(default="", description="The key of the service")
        days: int = Field(default=3, ge=1, le=14)

    class UserValves(BaseModel):
        unit: Literal["C", "F"] = "C"
        city: str = Field(
            default="Bern", json_schema_extra={"input": {"type": "select", "options": ["Bern", "Rome"]}}
        )
        model: str = Field(default="", json_schema_extra={"input": {"type": "select", "options": "models"}})

        @classmethod
        def models(cls, __user__=None) -> list[dict]:
            return [{"value": "a", "label": __user__["role"]}]

    def __init__(self):
        self.valves = self.Valves()
        self.citation = True

    async def forecast(
        self,
        city: str,
        days: int = 3,
        detail: Optional[str] = None,
        unit: Literal["C", "F"] = "C",
        __user__: dict = {},
    ) -> str:
        """
        Tell the weather
        of a city.

        :param city: Name of the city,
            as people write it
        :param days: How many days
        :param __user__: Who asks
        :return: A text
        """
        return "sunny"

    def compare(self, places: list[Place], first: Place, weights: dict[str, float], both: int | str, any_thing=None):
        return "same"

    def _hidden(self):
        return None
'''

SIMPLE = '''class Tools:
    def hello(self, name: str) -> str:
        """Greet somebody."""
        return "Hello " + name
'''

BROKEN = "class Tools\n    pass\n"
NO_CLASS = "answer = 42\n"
RAISES = 'raise ValueError("not today")\n'

FILTER = '''"""
title: Polite
author: Ada
version: 0.1
"""

from typing import Optional

from pydantic import BaseModel, Field


class Filter:
    class Valves(BaseModel):
        priority: int = Field(default=0, description="Order")
        word: str = "please"

    class UserValves(BaseModel):
        enabled: bool = True

    def __init__(self):
        self.valves = self.Valves()
        self.toggle = True

    def inlet(self, body: dict, __user__: Optional[dict] = None) -> dict:
        return body
'''

PIPE = '''"""
title: Echo
"""


class Pipe:
    def pipe(self, body: dict) -> str:
        return "echo"
'''

ACTION = """class Action:
    async def action(self, body: dict) -> None:
        return None
"""
