"""Pipes that show what they are given, or answer in the form that the question names."""

from __future__ import annotations

from parity.probe_plugins import HELPERS

#: A model that answers with the request it got.
MIRROR = (
    HELPERS
    + """

class Pipe:
    async def pipe(self, body, __metadata__):
        names = ("mark", "variables", "filter_ids", "files")
        seen = {name: __metadata__[name] for name in names if name in __metadata__}
        return {"got": show(body), "metadata": show(seen)}
"""
)


#: A pipe that answers in the form that the last word of the question names.
FORMS = """
from starlette.responses import StreamingResponse


def chunk(text):
    return {"id": "x", "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]}


class Pipe:
    async def pipe(self, body):
        return await getattr(self, body["messages"][-1]["content"].split()[-1])()

    async def text(self):
        return "Plain text"

    async def empty(self):
        return ""

    async def generator(self):
        return (word for word in ("a ", "b ", "c"))

    async def coroutines(self):
        async def words():
            for word in ("a ", "b ", "c"):
                yield word
        return words()

    async def bytes(self):
        async def parts():
            yield b"bytes "
            yield b"data: {\\"choices\\": [{\\"index\\": 0, \\"delta\\": {\\"content\\": \\"line\\"}}]}"
        return parts()

    async def lines(self):
        async def parts():
            yield 'data: {"choices": [{"index": 0, "delta": {"content": "line"}}]}'
            yield 'data: {"choices": [{"index": 0, "delta": {"content": " two"}}]}\\n\\n'
            yield "data: [DONE]"
        return parts()

    async def chunks(self):
        async def parts():
            yield chunk("a")
            yield {"choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}}
            yield {"event": {"type": "status", "data": {"description": "Working", "done": True}}}
        return parts()

    async def iterator(self):
        return iter(["x", "y"])

    async def object(self):
        return {"id": "o", "choices": [{"index": 0, "message": {"role": "assistant", "content": "Whole"}}], "more": 1}

    async def object_error(self):
        return {"error": {"message": "Not today"}}

    async def none(self):
        return None

    async def number(self):
        return 42

    async def items(self):
        return ["a", "b"]

    async def refuse(self):
        raise ValueError("not before the first word")

    async def refuse_later(self):
        def words():
            yield "one "
            raise ValueError("not after the first word")
        return words()

    async def response(self):
        async def parts():
            yield 'data: {"choices": [{"index": 0, "delta": {"content": "relayed"}}]}\\n\\n'
            yield b"data: [DONE]\\n\\n"
        return StreamingResponse(parts(), media_type="text/event-stream")
"""

MANIFOLD = (
    HELPERS
    + """
from pydantic import BaseModel


class Pipe:
    class Valves(BaseModel):
        names: str = "one two.half"
        prefix: str = "Old: "

    class UserValves(BaseModel):
        tone: str = "kind"

    def __init__(self):
        self.valves = self.Valves()
        self.name = "Many/"

    def pipes(self):
        if self.valves.names == "raise":
            raise ValueError("no list today")
        return [{"id": name, "name": self.valves.prefix + name, "extra": 1} for name in self.valves.names.split()]

    async def pipe(self, body, __user__, __metadata__, __files__, __tools__, __task__, __task_body__, __request__,
                   __event_emitter__, __event_call__, __chat_id__, __session_id__, __message_id__, __oauth_token__,
                   __id__="absent", __model__="absent"):
        seen = {
            "body": body, "user": sorted(__user__), "valves": __user__["valves"], "files": __files__,
            "tools": __tools__, "task": __task__, "task_body": __task_body__, "emitter": __event_emitter__,
            "call": __event_call__, "chat_id": __chat_id__, "session_id": __session_id__,
            "message_id": __message_id__, "oauth_token": __oauth_token__, "id": __id__, "model": __model__,
            "path": __request__.url.path, "metadata": sorted(__metadata__),
        }
        return {"got": show(seen)}
"""
)
