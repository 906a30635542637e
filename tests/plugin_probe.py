"""Run code inside of the plugin process: in a filter that a test installs, as the user who asks."""

from __future__ import annotations

import itertools
import json
import textwrap
from typing import Any

from conftest import Person
from plugin_installation import build_question, install_function
from queued_model import QueuedModel

_numbers = itertools.count(1)

_PROBE = '''
import asyncio
import inspect
import json

{imports}


def show(value):
    """Return a value as JSON can hold it."""
    if hasattr(value, "model_dump"):
        return show(value.model_dump(mode="json"))
    if isinstance(value, dict):
        return {{str(key): show(part) for key, part in value.items()}}
    if isinstance(value, (list, tuple, set)):
        return [show(part) for part in value]
    return value if value is None or isinstance(value, (str, int, float, bool)) else repr(value)


class Filter:
    async def inlet(self, body, __user__, __request__, __metadata__, __event_emitter__):
        user, request = __user__, __request__
        body["messages"][-1]["content"] = json.dumps(show(await self.run(user, request, __metadata__)))
        return body

    async def run(self, user, request, metadata):
{code}
'''


async def run_in_plugin(
    admin: Person, model: QueuedModel, code: str, *, imports: str = "", person: Person | None = None
) -> Any:
    """Run code, the body of a coroutine function with `user`, `request` and `metadata`, and return what it returns."""
    function_id = f"probe_{next(_numbers)}"
    lines = textwrap.indent(textwrap.dedent(code).strip(), " " * 8)
    content = _PROBE.format(imports=textwrap.dedent(imports), code=lines)
    await install_function(admin, function_id, content, is_global=True)
    model.queue("Hi")
    reply = await (person or admin).post("/api/chat/completions", build_question())
    (await admin.delete(f"/api/v1/functions/id/{function_id}/delete")).ok()
    assert reply.status == 200, reply.text
    return json.loads(model.requests[-1]["messages"][-1]["content"])
