"""Functions that show what they are given, and behave as the words of the question say."""

from __future__ import annotations

from typing import Any

from parity.steps import Step, post

_FUNCTIONS = "/api/v1/functions"
_NOT_COMPARED = {"ignore": ("$",), "why": "the records of plugins are compared elsewhere"}

#: Begins the code of a probe. Words of the last question say what a hook does: `inlet:raise`, `stream:drop`.
HELPERS = '''
import json


def get_words(body):
    messages = body.get("messages") or [{}]
    content = messages[-1].get("content")
    return content.split() if isinstance(content, str) else []


def list_keys(model):
    """Return the keys of a model but `tags`, which the reference adds only where it lists models."""
    return sorted(key for key in model if key != "tags")


def leave_out_model(metadata):
    return {key: value for key, value in metadata.items() if key != "model"}


def show(value):
    """Return a value as JSON can hold it, with keys in order, as theirs does not matter."""
    if isinstance(value, dict):
        return {str(key): show(part) for key, part in sorted(value.items())}
    if isinstance(value, (list, tuple)):
        return [show(part) for part in value]
    if hasattr(value, "model_dump"):
        return show(value.model_dump())
    if callable(value):
        return "callable"
    return value if value is None or isinstance(value, (str, int, float, bool)) else type(value).__name__
'''

PROBE_FILTER = (
    HELPERS
    + """
from pydantic import BaseModel


class Filter:
    class Valves(BaseModel):
        priority: int = 0
        word: str = "please"

    class UserValves(BaseModel):
        tone: str = "kind"

    def __init__(self):
        self.valves = self.Valves()
        self.words = []
        self.answer = None

    async def inlet(self, body, __user__, __metadata__, __model__, __id__, __chat_id__=None, __message_id__=None,
                    __session_id__="absent", __oauth_token__="absent", __files__="absent", __features__="absent"):
        self.words = words = get_words(body)
        if "inlet:raise" in words:
            raise ValueError("not like this")
        if "inlet:exit" in words:
            raise Exception()
        if "inlet:recall" in words:
            body["seen"], self.answer = self.answer, None
        if "inlet:none" in words:
            return None
        if "inlet:list" in words:
            return [body]
        if "inlet:change" in words:
            body["messages"].insert(0, {"role": "system", "content": "Be " + self.valves.word})
            body["messages"][-1]["content"] += " changed"
            body["temperature"] = 0.5
            body["unknown"] = {"kept": True}
        if "inlet:new" in words:
            return {"model": body["model"], "messages": [{"role": "user", "content": "new"}]}
        if "inlet:metadata" in words:
            __metadata__["mark"] = "inlet"
            __metadata__["variables"] = {"{{COLOUR}}": "red"}
        if "inlet:no-metadata" in words:
            del body["metadata"]
        if "inlet:no-messages" in words:
            body["messages"] = []
        if "inlet:stream" in words:
            body["stream"] = True
        if "inlet:whole" in words:
            body["stream"] = False
        if "inlet:show" in words:
            body["seen"] = show({
                "keys": sorted(body), "user": __user__, "id": __id__, "chat_id": __chat_id__,
                "message_id": __message_id__, "session_id": __session_id__, "oauth_token": __oauth_token__,
                "files": __files__, "features": __features__, "model_keys": list_keys(__model__),
                "same": body["metadata"] is __metadata__,
                "metadata": leave_out_model(__metadata__),
            })
        return body

    def request(self, body, __metadata__, __features__="absent"):
        words = get_words(body)
        if "request:raise" in words:
            raise ValueError("not asked")
        if "request:none" in words:
            return None
        if "request:change" in words:
            body["messages"][-1]["content"] += " asked"
            body["top_p"] = 0.25
        if "request:show" in words:
            body["seen"] = show({
                "keys": sorted(body), "features": __features__,
                "metadata": leave_out_model(__metadata__),
            })
        return body

    def stream(self, event, __metadata__, __body__="absent"):
        words = self.words
        choice = (event.get("choices") or [{}])[0]
        content = (choice.get("delta") or {}).get("content")
        if "stream:change" in words and content:
            choice["delta"]["content"] = content.upper()
        if "stream:drop" in words and content:
            return None
        if "stream:raise" in words and content:
            raise ValueError("not streamed")
        if "stream:new" in words:
            return {"only": "this"}
        if "stream:text" in words and content:
            return "text"
        if "stream:body" in words:
            event["body"] = __body__ if isinstance(__body__, str) else sorted(__body__)
        return event

    async def outlet(self, body, __user__, __metadata__, __model__, __id__, __event_emitter__=None,
                     __event_call__=None, __chat_id__="absent", __message_id__="absent"):
        words = get_words({"messages": body["messages"][:-1]})
        self.answer = show({**body, "model_keys": list_keys(__model__), "metadata_keys": sorted(__metadata__)})
        if "outlet:raise" in words:
            raise ValueError("not so")
        if "outlet:none" in words:
            return None
        if "outlet:change" in words:
            body["messages"][-1]["content"] = "outlet was here"
        if "outlet:show" in words:
            self.answer = show({
                "keys": sorted(body), "id": __id__, "emitter": __event_emitter__ is None,
                "call": __event_call__ is None, "chat_id": __chat_id__, "message_id": __message_id__,
                "user": sorted(__user__), "message_keys": [sorted(message) for message in body["messages"]],
            })
        return body
"""
)

#: `RANK` and `TOGGLE` are replaced.
ORDERED_FILTER = """
from pydantic import BaseModel


class Filter:
    class Valves(BaseModel):
        priority: int = RANK

    def __init__(self):
        self.valves = self.Valves()
        self.toggle = TOGGLE

    def inlet(self, body, __id__):
        body["messages"][-1]["content"] += " " + __id__
        return body

    def outlet(self, body, __id__):
        body["messages"][-1]["content"] += " " + __id__
        return body
"""


def install_steps(function_id: str, content: str, *, is_global: bool = False, valves: Any = None) -> list[Step]:
    """Return the steps that create a function and switch it on, for all models with `is_global`."""
    one = f"{_FUNCTIONS}/id/{function_id}"
    form = {"id": function_id, "name": function_id.title(), "content": content, "meta": {"description": "Probe"}}
    steps = [
        post("ada", f"{_FUNCTIONS}/create", form, **_NOT_COMPARED),
        post("ada", f"{one}/toggle", **_NOT_COMPARED),
    ]
    if is_global:
        steps.append(post("ada", f"{one}/toggle/global", **_NOT_COMPARED))
    if valves is not None:
        steps.append(post("ada", f"{one}/valves/update", valves, **_NOT_COMPARED))
    return steps
