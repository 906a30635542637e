"""What plugins and tool servers of `bench.hostile_plugins` do wrong.

Everything is bounded: it ends after a second or two, or after a number of events or megabytes, or because the user or
the server stops it.
"""

from __future__ import annotations

from typing import NamedTuple

#: A tool whose method `misbehave` has this body; `{kind}` is `async ` or empty.
TOOL = '''
import asyncio
import os
import time


class Tools:
    {kind}def misbehave(self, {signature}__event_emitter__=None):
        """Misbehave."""
{body}
'''

#: Events in groups of a thousand, for ten seconds at most.
EVENTS = """
end = time.time() + 10
for _ in range(100):
    event = {'type': 'status', 'data': {'description': 'x' * 100, 'done': False}}
    await asyncio.gather(*(__event_emitter__(event) for _ in range(1000)))
    if time.time() > end:
        break
return 'done'
""".strip()

TAKE_MEMORY = """
blocks = []
for _ in range(400):
    blocks.append(bytearray(b'x') * 1024 ** 2)
time.sleep(0.5)
return 'done'
""".strip()

#: Takes memory until the system gives no more; the limit stands for that of a container.
ENDLESS_MEMORY = """
import resource
limits = resource.getrlimit(resource.RLIMIT_AS)
with open('/proc/self/statm') as file:
    size = int(file.read().split()[0]) * 4096
resource.setrlimit(resource.RLIMIT_AS, (size + 400 * 1024 ** 2, limits[1]))
blocks = []
try:
    while True:
        blocks.append(bytearray(b'x') * 1024 ** 2)
finally:
    resource.setrlimit(resource.RLIMIT_AS, limits)
""".strip()

FORK = """
process_id = os.fork()
if process_id == 0:
    time.sleep(0.2)
    return 'the child'
time.sleep(0.5)
os.kill(process_id, 9)
return os.waitpid(process_id, 0)[1]
""".strip()

UNENCODABLE = """
endless = []
endless.append(endless)
return {
    object(): {1, 2},
    'nothing': float('nan'),
    'half': '\\ud800',
    'endless': endless,
    'large': 10 ** 5000,
    'code': print,
}
""".strip()

#: Allocates, computes or waits in the hook that `{hook}` names.
FILTER = """
import asyncio
import time


class Filter:
    {hook}
        {body}
"""

PIPE = """
from open_webui.models.users import Users
from open_webui.utils.chat import generate_chat_completion


class Pipe:
    {lists}
    async def pipe(self, body, __request__, __user__):
        {body}
"""
RECURSION = """user = await Users.get_user_by_id(__user__["id"])
        return await generate_chat_completion(__request__, body, user)"""

WITH_VALVES = """
from pydantic import BaseModel


class Filter:
    class Valves(BaseModel):
        number: {type} = {default}

    def __init__(self):
        self.valves = self.Valves()

    def inlet(self, body):
        return body
"""


class Input(NamedTuple):
    """One kind of misbehaviour: one of these fields says where.

    Attributes:
        tool: the body of a method; `signature` are its parameters, with a comma at the end.
        function: the code of a function that is on for all models; `model` is the one that is asked.
        second_tool: whether a tool with the same methods is installed, too.
        operation, mcp: what a tool server or an MCP server does; an address that nobody serves where it is `down`.
        saves: the codes that are saved one after the other; the last one is refused.
        is_stopped: whether the user stops the answer after a second.
        is_logged: whether only the server's log says what is wrong, as in Open WebUI.
    """

    tool: str = ""
    signature: str = ""
    is_async: bool = False
    second_tool: bool = False
    function: str = ""
    model: str = "demo-small"
    operation: str = ""
    mcp: str = ""
    saves: tuple[str, ...] = ()
    is_stopped: bool = False
    is_logged: bool = False


def build_filter(hook: str, body: str) -> str:
    return FILTER.format(hook=hook, body=body)


def build_pipe(body: str, lists: str = "") -> str:
    return PIPE.format(body=body, lists=lists)


COMPUTE = "end = time.time() + 1\nwhile time.time() < end:\n    pass\nreturn 'done'"
HOLD = "time.sleep(60)"
RAISE = 'raise ValueError("the plugin has failed")'

INPUTS = {
    "code that does not parse is saved": Input(saves=("class Filter:\n    def inlet(self, body\n",)),
    "valves no longer fit the code": Input(
        saves=(WITH_VALVES.format(type="int", default=1), WITH_VALVES.format(type="list", default=[]))
    ),
    "two functions have one name": Input(saves=(WITH_VALVES.format(type="int", default=1), "")),
    "a filter raises in `inlet`": Input(function=build_filter("async def inlet(self, body):", RAISE)),
    "a filter raises in `request`": Input(function=build_filter("async def request(self, body):", RAISE)),
    "a filter raises in `stream`": Input(function=build_filter("def stream(self, event):", RAISE), is_logged=True),
    "a filter raises in `outlet`": Input(function=build_filter("async def outlet(self, body):", RAISE), is_logged=True),
    "a filter returns what cannot be encoded": Input(
        function=build_filter(
            "def inlet(self, body):",
            "return {**body, 'more': {1, 2}, 'metadata': object(), 'messages': [print, *body['messages']]}",
        )
    ),
    "a filter computes at each chunk": Input(
        function=build_filter(
            "def stream(self, event):",
            "end = time.perf_counter() + 0.05\n        while time.perf_counter() < end:\n            pass\n"
            "        return event",
        )
    ),
    "a filter waits for ever": Input(
        function=build_filter("async def inlet(self, body):", "await asyncio.sleep(600)"), is_stopped=True
    ),
    "a filter holds the plugins' event loop for ever": Input(
        function=build_filter("async def inlet(self, body):", HOLD)
    ),
    "a pipe raises": Input(function=build_pipe(RAISE), model="hostile"),
    "a pipe asks itself": Input(function=build_pipe(RECURSION), model="hostile"),
    "a pipe sends 50 MB": Input(
        function=build_pipe('for _ in range(50):\n            yield "some words\\n" * 95_000'), model="hostile"
    ),
    "a pipe's list of models never ends": Input(
        function=build_pipe(
            "return 'nothing'", "async def pipes(self):\n        import asyncio; await asyncio.sleep(600)"
        )
    ),
    "a tool raises": Input(tool=RAISE),
    "a tool waits for ever": Input(tool="time.sleep(600)", is_stopped=True),
    "a tool computes for a second": Input(tool=COMPUTE),
    "a tool computes on the plugins' event loop": Input(tool=COMPUTE, is_async=True),
    "a tool takes 400 MB": Input(tool=TAKE_MEMORY),
    "a tool takes memory without end": Input(tool=ENDLESS_MEMORY),
    "a tool prints 20 MB": Input(tool="for _ in range(20_000):\n    print('x' * 1000)\nreturn 'done'"),
    "a tool returns 40 MB of text": Input(tool="return 'some words\\n' * 4_000_000"),
    "a tool returns a million objects": Input(tool="return [{'number': n, 'text': 'x'} for n in range(1_000_000)]"),
    "a tool returns what cannot be encoded": Input(tool=UNENCODABLE),
    "a tool emits 100,000 events": Input(tool=EVENTS, is_async=True),
    "a tool ends its process": Input(tool="os._exit(1)"),
    "a tool forks": Input(tool=FORK),
    "a tool gets arguments of wrong types": Input(
        tool="return number + 1", signature="number: int = ['one'], text: str = {'a': 1}, "
    ),
    "two tools have methods of one name": Input(tool=RAISE, second_tool=True),
    "a tool server is down": Input(operation="down"),
    "a tool server is slow": Input(operation="be_slow"),
    "a tool server fails": Input(operation="fail"),
    "a tool server has a false schema": Input(operation="lie"),
    "a tool server returns 50 MB": Input(operation="send_much"),
    "a tool server returns 15 MB of small values": Input(operation="send_values"),
    "an MCP server is down": Input(mcp="down"),
    "an MCP server is slow": Input(mcp="be_slow"),
    "an MCP server has a false schema": Input(mcp="lie"),
    "an MCP server returns 50 MB": Input(mcp="send_much"),
}


def build_tool(misbehaviour: Input) -> str:
    """Return the code of the tool."""
    body = "".join(f"        {line}\n" for line in misbehaviour.tool.split("\n"))
    kind = "async " if misbehaviour.is_async else ""
    return TOOL.format(kind=kind, signature=misbehaviour.signature, body=body)
