"""Calls of plugins that hold the event loop of all plugins while the server needs a plugin to answer them."""

from __future__ import annotations

import asyncio
import textwrap
from typing import Any

import pytest
from aiohttp import web

from conftest import Person, Server
from fastback.plugins.host import PluginHost
from mcp_test_server import McpTestServer, build_server
from page_client import open_page
from plugin_installation import ask, install_function
from queued_model import MODEL_ID, QueuedModel

#: A pipe whose code needs an event loop, shows events, and asks the server with and without `await`.
OTHER = """
import asyncio
from open_webui.models.users import Users


class Pipe:
    async def pipe(self, body, __user__, __event_emitter__=None):
        await asyncio.sleep(0.01)
        names = [Users.get_user_by_id(__user__["id"]).name, (await Users.get_user_by_id(__user__["id"])).name]
        if __event_emitter__:
            await __event_emitter__({"type": "status", "data": {"description": "asked", "done": True}})
        for word in ("I", "know", *names):
            yield word + " "
"""
CALLER = """
import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from open_webui.utils.chat import generate_chat_completion
from open_webui.models.users import Users, UserModel
{imports}


class Filter:
    def inlet(self, body, __user__, __request__):
        user = UserModel(**__user__)
        form = {{"model": "other", "messages": [{{"role": "user", "content": "Hi"}}], "stream": False}}
        body["messages"][-1]["content"] = self.run(__request__, form, user)
        return body

    def run(self, request, form, user):
{code}
"""


async def install_caller(admin: Person, code: str, imports: str = "") -> None:
    lines = textwrap.indent(textwrap.dedent(code).strip(), " " * 8)
    await install_function(admin, "caller", CALLER.format(code=lines, imports=imports), is_global=True)


def get_question(model: QueuedModel) -> Any:
    return model.requests[-1]["messages"][-1]["content"]


async def test_a_filter_waits_for_a_pipe(server: Server, ada: Person, model: QueuedModel) -> None:
    await install_function(ada, "other", OTHER)
    await install_caller(
        ada,
        """
        completion = generate_chat_completion(request, form, user)
        return completion["choices"][0]["message"]["content"]
        """,
    )
    host = server.services.get(PluginHost)
    async with open_page(ada) as page:
        await page.ask("Hello", models=[MODEL_ID])
        assert [status["description"] for status in page.list_data("status")] == ["asked"]
    assert get_question(model) == "I know Ada Ada "
    pid = host.pid
    assert await ask(ada, model="other") == "I know Ada Ada "
    assert host.pid == pid


@pytest.mark.parametrize("stream", [False, True])
async def test_a_filter_waits_for_a_thread_that_waits_for_a_pipe(ada: Person, model: QueuedModel, stream: bool) -> None:
    await install_function(ada, "other", OTHER)
    await install_caller(
        ada,
        f"""
        async def collect():
            result = await generate_chat_completion(request, {{**form, "stream": {stream}}}, user)
            if isinstance(result, dict):
                return result["choices"][0]["message"]["content"]
            chunks = [json.loads(line[6:]) async for line in result.body_iterator if line.startswith(b"data: {{")]
            return "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks)

        with ThreadPoolExecutor() as threads:
            return threads.submit(asyncio.run, collect()).result()
        """,
    )
    await ask(ada)
    assert get_question(model) == "I know Ada Ada "


async def test_an_operation_that_asks_a_pipe_is_waited_for(ada: Person, model: QueuedModel) -> None:
    await install_function(ada, "other", OTHER)
    await install_caller(
        ada,
        """
        title = generate_title(request, {"model": "other", "messages": form["messages"]}, user)
        return title["choices"][0]["message"]["content"]
        """,
        "from open_webui.routers.tasks import generate_title",
    )
    await ask(ada)
    assert get_question(model) == "I know Ada Ada "


async def test_pipes_that_wait_for_themselves_are_stopped(server: Server, ada: Person) -> None:
    code = """
        from open_webui.utils.chat import generate_chat_completion
        from open_webui.models.users import UserModel

        class Pipe:
            async def pipe(self, body, __user__, __request__):
                form = {"model": "circle", "messages": body["messages"], "stream": False}
                result = generate_chat_completion(__request__, form, UserModel(**__user__))
                return str(result)
        """
    await install_function(ada, "circle", textwrap.dedent(code))
    host = server.services.get(PluginHost)
    assert "Pipes call each other too often" in await ask(ada, model="circle")
    assert host.is_running


async def test_a_server_of_tools_is_asked_beside_the_loop(ada: Person, model: QueuedModel) -> None:
    birds = McpTestServer(build_server())
    async with birds.run():
        connection = {
            "type": "mcp",
            "url": birds.url,
            "path": "",
            "auth_type": "none",
            "key": "",
            "info": {"id": "birds", "name": "Birds"},
            "config": {"enable": True, "access_grants": [{"principal_type": "user", "principal_id": "*"}]},
        }
        (await ada.post("/api/v1/configs/tool_servers", {"TOOL_SERVER_CONNECTIONS": [connection]})).ok()
        await install_caller(
            ada,
            """
            async def collect():
                tools = await get_tools(request, ["server:mcp:birds"], user, {})
                return str(await tools["birds_add"]["callable"](a=1, b=2))

            with ThreadPoolExecutor() as threads:
                return threads.submit(asyncio.run, collect()).result()
            """,
            "from open_webui.utils.tools import get_tools",
        )
        await ask(ada)
    assert get_question(model) == "3"


class TestWithAShortLimit:
    @pytest.fixture
    def environment(self, model: QueuedModel) -> dict[str, str]:
        return {**model.env, "FASTBACK_PLUGIN_HANG_SECONDS": "2"}

    async def test_a_call_that_takes_too_long_fails_and_nothing_else(
        self, server: Server, ada: Person, model: QueuedModel
    ) -> None:
        async def answer_late(request: Any) -> web.Response:
            await asyncio.sleep(4)
            return web.json_response({})

        await install_caller(
            ada,
            f"""
            try:
                return str(generate_chat_completion(request, {{**form, "model": "{MODEL_ID}"}}, user))
            except Exception as error:
                return str(error)
            """,
        )
        model.queue(answer_late)
        await ask(ada)
        pid = server.services.get(PluginHost).pid
        reason = "completions.generate took longer than 1.6 s, in which all plugins waited for this call"
        assert get_question(model) == f"{reason}: await it, or make it in a thread"
        model.queue("Quick")
        await ask(ada)
        assert "Quick" in model.requests[-1]["messages"][-1]["content"]
        assert server.services.get(PluginHost).pid == pid
