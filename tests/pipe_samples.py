"""Pipes as administrators write them."""

from __future__ import annotations

#: Every form in which a pipe may answer, chosen by the last word of the question.
FORMS = """
from pydantic import BaseModel
from starlette.responses import StreamingResponse


class Answer(BaseModel):
    choices: list


def chunk(text):
    return {"choices": [{"index": 0, "delta": {"content": text}}]}


class Pipe:
    def __init__(self):
        self.name = "Forms: "

    def pipes(self):
        return [{"id": "one", "name": "One"}, {"id": "two", "name": "Two"}]

    async def pipe(self, body):
        form = body["messages"][-1]["content"].split()[-1]
        return await getattr(self, form)(body)

    async def text(self, body):
        return "Plain text"

    async def generator(self, body):
        def items():
            yield "One "
            yield b"two "
            yield chunk("three ")
            yield Answer(choices=chunk("four ")["choices"])
            yield 'data: {"choices": [{"index": 0, "delta": {"content": "five"}}]}'
        return items()

    async def coroutines(self, body):
        async def items():
            for word in ("a", "b", "c"):
                yield word
        return items()

    async def iterator(self, body):
        return iter(["x", "y", ""])

    async def object(self, body):
        message = {"role": "assistant", "content": "Whole"}
        return {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}

    async def model(self, body):
        return Answer(choices=[{"index": 0, "message": {"role": "assistant", "content": "Model"}}])

    async def response(self, body):
        def lines():
            yield 'data: {"choices": [{"index": 0, "delta": {"content": "Relay'
            yield 'ed"}}]}\\n\\ndata: [DONE]\\n\\n'
        return StreamingResponse(lines(), media_type="text/event-stream")

    async def nothing(self, body):
        return None

    async def list(self, body):
        return ["a", "b"]

    async def failure(self, body):
        raise Exception("The oven is cold")

    async def late_failure(self, body):
        async def items():
            yield "Half "
            raise Exception("The oven broke")
        return items()
"""
