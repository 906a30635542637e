"""Tool servers with OpenAPI in chats: models are offered their operations, and the calls reach them."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator

import pytest

from conftest import Person, Server
from page_client import open_page
from plugin_installation import install_tool
from queued_model import MODEL_ID, QueuedModel, call_tools
from tool_server import DOCUMENT, ToolServer, ask, connect_tool_servers, find_spec, list_texts, run_tool_server

CHAT = "/api/chat/completions"
OFFICE = ["server:office"]


@pytest.fixture
async def office() -> AsyncIterator[ToolServer]:
    async with run_tool_server() as running:
        yield running


@pytest.fixture
def environment(model: QueuedModel) -> dict[str, str]:
    return {
        **model.env,
        "AIOHTTP_CLIENT_TIMEOUT_TOOL_SERVER": "3",
        "ENABLE_FORWARD_USER_INFO_HEADERS": "true",
    }


async def test_operations_are_offered_called_and_their_results_used(
    ada: Person, model: QueuedModel, office: ToolServer
) -> None:
    await connect_tool_servers(ada, office.connect("office", auth_type="bearer", key=" secret "))
    booking = {"room": "a/b", "day": "today", "person": {"name": "Bob"}, "unknown": 1}
    query = {"room": "1", "day": "", "tag": ["x", "y z"], "open": True, "X-Language": "de", "Authorization": "mine"}
    model.queue(
        call_tools(("book_room", booking), ("list_bookings", query), ("set_tags", {"body": ["p", "q"]})), "Booked."
    )
    output, _ = await ask(ada, tool_ids=OFFICE)
    posted, listed, tagged = office.requests
    assert posted[:2] == ("POST", "/rooms/a%2Fb/bookings")
    assert json.loads(posted[3]) == {"day": "today", "person": {"name": "Bob"}}
    assert posted[2]["Authorization"] == "Bearer secret"
    assert posted[2]["X-OpenWebUI-User-Id"] == ada.id
    assert listed[:2] == ("GET", "/rooms/1/bookings?tag=x&tag=y+z&open=true")
    assert (listed[2]["X-Language"], listed[2]["Authorization"]) == ("de", "Bearer secret")
    assert (tagged[0], tagged[3]) == ("PUT", '["p","q"]')
    assert json.loads(list_texts(output)[0]) == {"method": "POST", "path": "/rooms/a%2Fb/bookings"}
    spec = find_spec(model, "book_room")
    assert spec["description"] == "Book a room"
    assert spec["parameters"] == {
        "type": "object",
        "properties": {
            "room": {"type": "string", "description": ""},
            "day": {"type": "string"},
            "person": {
                "type": "object",
                "properties": {"name": {"type": "string"}, "boss": {"type": "string"}},
            },
            "note": {"type": "string"},
        },
        "required": ["room", "day", "person"],
    }
    properties = find_spec(model, "list_bookings")["parameters"]["properties"]
    assert properties["X-Language"]["description"] == "A language. Possible values: de, en"
    assert properties["open"] == {"type": "boolean", "description": ""}
    names = [tool["function"]["name"] for tool in model.requests[0]["tools"]]
    assert "break_down" in names and "no_method" not in names


async def test_html_and_addresses_are_embedded_pictures_shown_and_files_stored(
    ada: Person, model: QueuedModel, office: ToolServer
) -> None:
    await connect_tool_servers(ada, office.connect("office"))
    names = ["show_page", "show_elsewhere", "take_picture", "print_pdf", "delete_everything"]
    model.queue(call_tools(*((name, {}) for name in names)), "Done.")
    output, _ = await ask(ada, tool_ids=OFFICE)
    page, elsewhere, picture, pdf, deleted = [item for item in output if item["type"] == "function_call_output"]
    assert page["embeds"] == ["<b>page</b>"]
    assert json.loads(page["output"][0]["text"]) == {
        "status": "success",
        "code": "ui_component",
        "message": "show_page: Embedded UI result is active and visible to the user.",
    }
    assert elsewhere["embeds"] == ["https://example.com/map"]
    assert json.loads(elsewhere["output"][0]["text"]) == {"distance": 3}
    assert picture["output"][0]["text"] == "take_picture: Image file read successfully."
    assert picture["output"][1]["image_url"].startswith("/api/v1/files/")
    text = pdf["output"][0]["text"]
    assert text.startswith("print_pdf: received a file of type application/pdf with 10 bytes. It is stored at /api/v1/")
    content = await ada.get(text.rpartition(" at ")[2].rstrip("."))
    assert content.body == b"%PDF-1.7\xff\x00"
    assert deleted["output"][0]["text"] == ""
    assert office.requests[-1][3] == "{}"


async def test_the_model_learns_what_went_wrong(ada: Person, model: QueuedModel, office: ToolServer) -> None:
    await connect_tool_servers(ada, office.connect("office"))
    calls = [
        ("break_down", {}),
        ("wait_long", {}),
        ("send_much", {}),
        ("list_bookings", {}),
        ("list_bookings", {"room": ".."}),
    ]
    model.queue(call_tools(*calls), "Pity.")
    started = time.monotonic()
    output, _ = await ask(ada, tool_ids=OFFICE)
    assert time.monotonic() - started < 12
    texts = [json.loads(text)["error"] for text in list_texts(output)]
    assert texts[0] == "HTTP error 418: I am a teapot"
    assert "3 seconds" in texts[1] or "timeout" in texts[1].lower()
    assert texts[2] == "The response of the tool server is larger than 16 MB."
    assert texts[3] == "The parameter room is missing."
    assert texts[4] == "The value of the parameter room is invalid."
    assert {item["status"] for item in output if item["type"] == "function_call"} == {"failed"}


async def test_a_large_answer_is_passed_on_as_it_is(ada: Person, model: QueuedModel, office: ToolServer) -> None:
    await connect_tool_servers(ada, office.connect("office"))
    model.queue(call_tools(("send_large", {})), "Done.")
    output, _ = await ask(ada, tool_ids=OFFICE)
    (text,) = list_texts(output)
    assert text.startswith('[{"number": 0, ') and len(json.loads(text)) == 20_000
    assert model.requests[1]["messages"][-1]["content"] == text


async def test_texts_are_decoded_as_the_server_says(ada: Person, model: QueuedModel, office: ToolServer) -> None:
    await connect_tool_servers(ada, office.connect("office"))
    model.queue(call_tools(("read_latin", {}), ("read_odd", {})), "Done.")
    output, _ = await ask(ada, tool_ids=OFFICE)
    assert list_texts(output) == ["für", "für"]


async def test_only_allowed_functions_are_offered_to_users_with_access(
    server: Server, ada: Person, model: QueuedModel, office: ToolServer
) -> None:
    bob = await server.add_user(ada, "Bob")
    everybody = [{"principal_type": "user", "principal_id": "*", "permission": "read"}]
    entry = {"id": MODEL_ID, "name": "Queued", "params": {}, "meta": {}, "access_grants": everybody}
    (await ada.post("/api/v1/models/create", entry)).ok()
    filtered = {"function_name_filter_list": "list_bookings, book_room", "access_grants": everybody}
    await connect_tool_servers(ada, office.connect("office", config=filtered), office.connect("private"))
    await ask(bob, tool_ids=["server:office", "server:private", "server:none"])
    assert [name for name in model.tool_names if name in DOCUMENT_NAMES] == ["list_bookings", "book_room"]
    await ask(bob, tool_ids=["server:office|book_room,show_page"])
    assert [name for name in model.tool_names if name in DOCUMENT_NAMES] == ["book_room"]


DOCUMENT_NAMES = {
    operation["operationId"]
    for item in DOCUMENT["paths"].values()
    for method, operation in item.items()
    if method in ("get", "post", "put", "delete") and "operationId" in operation
}


async def test_a_name_that_is_taken_gets_the_id_of_its_server(
    ada: Person, model: QueuedModel, office: ToolServer
) -> None:
    await install_tool(
        ada, "pages", 'class Tools:\n    def show_page(self):\n        """Show."""\n        return "mine"\n'
    )
    await connect_tool_servers(ada, office.connect("office"), office.connect("branch"))
    model.queue(call_tools(("show_page", {}), ("branch_show_page", {})), "Done.")
    output, _ = await ask(ada, tool_ids=["pages", "server:office|show_page", "server:branch|show_page"])
    assert [name for name in model.tool_names if name.endswith("show_page")] == [
        "show_page",
        "office_show_page",
        "branch_show_page",
    ]
    assert list_texts(output)[0] == "mine"
    assert len(office.requests) == 1


async def test_headers_name_the_chat_the_message_and_the_user(
    ada: Person, model: QueuedModel, office: ToolServer
) -> None:
    headers = {
        "X-Who": "{{USER_NAME}} {{USER_ROLE}}",
        "X-Where": "{{CHAT_ID}}/{{MESSAGE_ID}}",
        "X-Model": "{{MODEL_ID}}",
    }
    connection = office.connect("office", auth_type="session", headers=headers, forward_cookies=True)
    await connect_tool_servers(ada, connection)
    model.queue(call_tools(("show_headers", {})), "Done.")
    async with open_page(ada) as page:
        body = page.build_body("Hello", models=[MODEL_ID], tool_ids=OFFICE)
        started = (await ada.post(CHAT, body)).ok()
        await page.wait_until_idle()
    sent = office.requests[0][2]
    assert sent["X-Who"] == "Ada admin"
    assert sent["X-Where"] == f"{started['chat_id']}/{body['id']}"
    assert sent["X-Model"] == MODEL_ID
    assert sent["Authorization"] == f"Bearer {ada.token}"
    assert sent["X-OpenWebUI-Chat-Id"] == started["chat_id"]
    assert sent["X-OpenWebUI-Message-Id"] == body["id"]


async def test_a_call_ends_with_its_turn(ada: Person, server: Server, model: QueuedModel, office: ToolServer) -> None:
    await connect_tool_servers(ada, office.connect("office"))
    model.queue(call_tools(("wait_long", {})), "Done.")
    async with open_page(ada) as page:
        started = (await ada.post(CHAT, page.build_body("Hello", models=[MODEL_ID], tool_ids=OFFICE))).ok()
        await asyncio.wait_for(office.is_waiting.wait(), 5)
        (await ada.post(f"/api/tasks/stop/{started['task_ids'][0]}")).ok()
        await page.wait_until_idle()
    assert len(model.requests) == 1


async def test_models_that_call_no_functions_get_the_results_as_sources(
    ada: Person, model: QueuedModel, office: ToolServer
) -> None:
    await connect_tool_servers(ada, office.connect("office"))
    choice = {"tool_calls": [{"name": "list_bookings", "parameters": {"room": "7"}}]}
    model.queue(json.dumps(choice), "Free.")
    params = {"function_calling": "legacy"}
    async with open_page(ada) as page:
        body = page.build_body("Hello", models=[MODEL_ID], tool_ids=OFFICE, params=params)
        (await ada.post(CHAT, body)).ok()
        await page.wait_until_idle()
    assert [request[:2] for request in office.requests] == [("GET", "/rooms/7/bookings")]
    assert "/rooms/7/bookings" in json.dumps(model.requests[-1]["messages"])
