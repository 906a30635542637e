"""How much memory the clients of sockets can take: packets, attachments, what waits for them, how many they are."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import aiohttp
import pytest

from conftest import Person, Server
from loop_holds import measure_holds
from page_client import open_page

pytestmark = pytest.mark.parametrize("database", ["sqlite"])

PATH = "/ws/socket.io/?EIO=4"
MEGABYTE = 1024 * 1024
#: Milliseconds for which no packet of a client may hold the loop. Measured are 7 to 20, and 62 once on a busy machine;
#: packets that are decoded in one call take 700 to 3,000.
LONGEST_HOLD = 100
CLOSED = (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR)


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@asynccontextmanager
async def open_socket(server: Server, http: Any, person: Person | None = None, **headers: str) -> AsyncIterator[Any]:
    """Open a bare WebSocket, on which a person signs in."""
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    url = f"{server.url}{PATH}&transport=websocket"
    async with http.ws_connect(url, headers=headers, max_msg_size=0) as socket:
        assert (await socket.receive_str(timeout=5)).startswith("0{")
        await socket.send_str("40" if person is None else "40" + json.dumps({"token": person.token}))
        assert (await socket.receive_str(timeout=5)).startswith("40{")
        if person is not None:  # the reply comes once the user has signed in
            await socket.send_str("421" + json.dumps(["user-join", {"auth": {"token": person.token}}]))
            assert (await socket.receive_str(timeout=5)).startswith("431")
        yield socket


class PollingSocket:
    """A socket that polls only when the test says so."""

    def __init__(self, url: str, http: aiohttp.ClientSession) -> None:
        self.url = url
        self.http = http

    async def post(self, body: str | bytes) -> int:
        async with self.http.post(self.url, data=body) as response:
            return response.status

    async def poll(self) -> list[str]:
        """Return the packets that waited; fail where the socket is closed."""
        async with self.http.get(self.url) as response:
            assert response.status == 200
            return (await response.text()).split("\x1e")


async def open_polling_socket(server: Server, http: Any, person: Person | None = None) -> PollingSocket:
    async with http.get(f"{server.url}{PATH}&transport=polling") as response:
        sid = json.loads((await response.text())[1:])["sid"]
    socket = PollingSocket(f"{server.url}{PATH}&transport=polling&sid={sid}", http)
    await socket.post("40" if person is None else "40" + json.dumps({"token": person.token}))
    await socket.poll()
    return socket


async def is_closed(socket: Any, seconds: float = 5) -> bool:
    """Return whether the server closes a WebSocket within some seconds."""
    try:
        while (await socket.receive(timeout=seconds)).type not in CLOSED:
            pass
    except TimeoutError:
        return False
    return True


async def is_alive(socket: Any) -> bool:
    """Return whether the server still answers on a WebSocket."""
    await socket.send_str('429["user-join",{}]')
    while (message := await socket.receive(timeout=5)).type not in CLOSED:
        if message.data.startswith("439"):
            return True
    return False


async def write_frame(socket: Any, opcode: int, payload: bytes, *, is_last: bool) -> None:
    """Send a frame, whether it begins a message or continues one. Its mask changes nothing."""
    head = bytes((opcode | (0x80 if is_last else 0), 0x80 | 127)) + len(payload).to_bytes(8, "big") + bytes(4)
    socket._writer.transport.write(head + payload)
    await asyncio.sleep(0)


# -- packets ------------------------------------------------------------------------------------------------------


async def test_a_stranger_sends_small_packets_only(server: Server, ada: Person, http: aiohttp.ClientSession) -> None:
    small, large = "42" + json.dumps(["usage", "x" * 60_000]), "42" + json.dumps(["usage", "x" * 70_000])
    async with open_socket(server, http) as socket:
        await socket.send_str(large)
        assert await is_closed(socket)
    async with open_socket(server, http, ada) as socket:
        await socket.send_str(small)
        await socket.send_str("42" + json.dumps(["usage", "x" * 10 * MEGABYTE]))
        assert await is_alive(socket)
        with suppress(ConnectionError):
            await socket.send_str("42" + json.dumps(["usage", "x" * 17 * MEGABYTE]))
        assert await is_closed(socket)


async def test_a_signed_out_socket_is_a_stranger_again(
    server: Server, ada: Person, http: aiohttp.ClientSession
) -> None:
    async with open_socket(server, http, ada) as socket:
        (await ada.post("/api/v1/auths/signout")).ok()
        assert (await socket.receive_str(timeout=5)) == "41"
        await socket.send_str("42" + json.dumps(["usage", "x" * 70_000]))
        assert await is_closed(socket)


async def send_binary_event(socket: Any, count: int, size: int) -> None:
    """Send an event with `count` attachments; the connection may break meanwhile."""
    placeholders = [{"_placeholder": True, "num": number} for number in range(count)]
    with suppress(ConnectionError, aiohttp.ClientError):
        await socket.send_str(f"45{count}-" + json.dumps(["usage", placeholders]))
        for _ in range(count):
            await socket.send_bytes(b"x" * size)


async def test_attachments_are_for_signed_in_users_and_bounded(
    server: Server, ada: Person, http: aiohttp.ClientSession
) -> None:
    async with open_socket(server, http) as socket:
        await send_binary_event(socket, 1, 10)
        assert await is_closed(socket)
    for count, size in ((11, 10), (9, 2 * MEGABYTE)):
        async with open_socket(server, http, ada) as socket:
            await send_binary_event(socket, count, size)
            assert await is_closed(socket)
    async with open_socket(server, http, ada) as socket:
        for _ in range(3):
            await send_binary_event(socket, 10, MEGABYTE)
        assert await is_alive(socket)


def repeat(text: str) -> str:
    """Return a text of fifteen megabytes."""
    return text * (15 * MEGABYTE // len(text))


@pytest.mark.parametrize(
    "packet",
    [
        '42["usage",[' + repeat("[],") + "0]]",
        '42["usage",[' + repeat('{"a":[0]},') + "0]]",
        '42["usage",[' + repeat("0,") + "0]]",
        '42["usage",' + repeat("["),
        "4[" + repeat("[],") + "0]",
        '451-["usage",{"_placeholder":true,"num":0},[' + repeat("[],") + "0]]",
    ],
    ids=["lists", "objects", "numbers", "depth", "no packet", "attachment"],
)
async def test_many_small_values_do_not_hold_the_loop(
    server: Server, ada: Person, http: aiohttp.ClientSession, packet: str
) -> None:
    async with open_socket(server, http, ada) as socket:
        encoded = packet.encode()
        with measure_holds() as holds:
            with suppress(ConnectionError):
                await socket.send_frame(encoded, aiohttp.WSMsgType.TEXT, compress=0)
            assert await is_closed(socket, 20)
    assert holds.callback < LONGEST_HOLD, holds.slowest


async def test_a_large_packet_that_memory_holds_is_decoded(
    server: Server, ada: Person, http: aiohttp.ClientSession
) -> None:
    padding = [{"text": "word " * 20, "number": number} for number in range(100_000)]
    content = json.dumps(["user-join", {"auth": {"token": ada.token}, "padding": padding}])
    async with open_socket(server, http, ada) as socket:
        with measure_holds() as holds:
            await socket.send_str("427" + content)
            await socket.send_str('428["user-join",{}]')
            replies = [await socket.receive_str(timeout=20) for _ in range(2)]
        assert replies == ["437" + json.dumps([{"id": ada.id, "name": "Ada"}], separators=(",", ":")), "438[]"]
    assert holds.callback < LONGEST_HOLD, holds.slowest


async def test_a_message_may_come_in_many_frames(server: Server, ada: Person, http: aiohttp.ClientSession) -> None:
    content = "427" + json.dumps(["user-join", {"auth": {"token": ada.token}, "padding": "wörter " * 60_000}])
    reply = "437" + json.dumps([{"id": ada.id, "name": "Ada"}], separators=(",", ":"))
    encoded = content.encode()
    for size in (500, 100_000):
        async with open_socket(server, http, ada) as socket:
            parts = [encoded[start : start + size] for start in range(0, len(encoded), size)]
            for number, part in enumerate(parts):
                await write_frame(socket, 0 if number else 1, part, is_last=number == len(parts) - 1)
            assert await socket.receive_str(timeout=10) == reply
            await socket.ping()
            assert await is_alive(socket)


async def test_a_large_message_that_is_no_text_closes_the_socket(
    server: Server, ada: Person, http: aiohttp.ClientSession
) -> None:
    encoded = b'42["usage","' + b"\xff" * MEGABYTE + b'"]'
    async with open_socket(server, http, ada) as socket:
        await socket.send_frame(encoded, aiohttp.WSMsgType.TEXT, compress=0)
        assert await is_closed(socket)
    async with http.ws_connect(f"{server.url}/api/ws/chat") as socket:
        await socket.send_json({"token": ada.token})
        await write_frame(socket, 1, encoded, is_last=True)
        assert await is_closed(socket)


async def test_thousands_of_empty_frames_do_not_hold_the_loop(
    server: Server, ada: Person, http: aiohttp.ClientSession
) -> None:
    frames = b"\x8a\x80\x00\x00\x00\x00" * 20_000
    async with open_socket(server, http) as stranger, open_socket(server, http, ada) as page:
        with measure_holds() as holds:
            for socket in (stranger, page):
                socket._writer.transport.write(frames)
            assert await is_closed(stranger)
            assert await is_alive(page)
    assert holds.callback < LONGEST_HOLD, holds.slowest


@pytest.mark.parametrize(
    "packet", ["x", "4x", "42{}", "42[]", '42[["usage"]]', "42", '42["disconnect"]', '42["connect",{}]', "459-", b"x"]
)
async def test_an_invalid_packet_closes_the_socket(
    server: Server, ada: Person, http: aiohttp.ClientSession, packet: str | bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async with open_socket(server, http, ada) as socket:
        await (socket.send_bytes(packet) if isinstance(packet, bytes) else socket.send_str(packet))
        if packet == "459-":  # attachments follow, and other packets do not
            await socket.send_str('42["usage"]')
        assert await is_closed(socket)
    async with aiohttp.ClientSession() as session:
        polling = await open_polling_socket(server, session, ada)
        if isinstance(packet, str) and packet != "459-":
            await polling.post(packet)
            assert await polling.post("3") == 400
    assert [record for record in caplog.records if record.levelno >= logging.WARNING and record.exc_info] == []


@pytest.mark.parametrize("packet", ["2", "6", "7", "9"])
async def test_a_packet_of_an_unknown_type_is_ignored(
    server: Server, ada: Person, http: aiohttp.ClientSession, packet: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with open_socket(server, http, ada) as socket:
        await socket.send_str(packet)
        assert await is_alive(socket)
    async with aiohttp.ClientSession() as session:
        assert await (await open_polling_socket(server, session, ada)).post(packet) == 400
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


async def test_a_user_cannot_leave_the_list_of_sockets_and_stay_in_the_rooms(server: Server, ada: Person) -> None:
    """An event with the name of a disconnect made the server forget who is on a socket that went on receiving."""
    async with open_page(ada) as page:
        await page.socket.emit("disconnect")
        for _ in range(100):
            if not page.socket.connected:
                return
            await asyncio.sleep(0.05)
    pytest.fail("the socket is still open")


async def test_too_large_posts_are_refused_at_once(server: Server, ada: Person, http: aiohttp.ClientSession) -> None:
    started = time.monotonic()
    stranger = await open_polling_socket(server, http)
    assert await stranger.post("42" + json.dumps(["usage", "x" * 60_000])) == 200
    assert await stranger.post("42" + json.dumps(["usage", "x" * 70_000])) == 413
    page = await open_polling_socket(server, http, ada)
    assert await page.post("42" + json.dumps(["usage", "x" * 10 * MEGABYTE])) == 200
    assert await page.post("42" + json.dumps(["usage", "x" * 17 * MEGABYTE])) == 413
    assert time.monotonic() - started < 5

    async def generate() -> AsyncIterator[bytes]:
        yield b"3"

    async with http.post(page.url, data=generate()) as response:  # no length is announced
        assert response.status == 411


# -- numbers of sockets -------------------------------------------------------------------------------------------


class TestDeadline:
    @pytest.fixture
    def environment(self) -> dict[str, str]:
        return {"FASTBACK_SOCKET_SIGN_IN_TIMEOUT": "1"}

    async def test_a_socket_without_a_user_is_closed(
        self, server: Server, ada: Person, http: aiohttp.ClientSession
    ) -> None:
        polling = await open_polling_socket(server, http)
        async with (
            open_socket(server, http) as stranger,
            open_socket(server, http, ada) as page,
            http.ws_connect(f"{server.url}{PATH}&transport=websocket") as silent,
            http.ws_connect(polling.url.replace("transport=polling", "transport=websocket")) as never_upgraded,
        ):
            for socket in (stranger, silent, never_upgraded):
                assert await is_closed(socket)
            assert await polling.post("3") == 400
            (await ada.post("/api/v1/auths/signout")).ok()
            assert await is_closed(page)

    async def test_the_socket_of_a_user_stays_open(
        self, server: Server, ada: Person, http: aiohttp.ClientSession
    ) -> None:
        async with open_socket(server, http, ada) as page:
            await asyncio.sleep(1.5)
            assert await is_alive(page)


class TestNumbers:
    @pytest.fixture
    def environment(self) -> dict[str, str]:
        return {"FASTBACK_MAX_SOCKETS": "6", "FASTBACK_MAX_SOCKETS_PER_ADDRESS": "3"}

    async def test_sockets_of_one_address_are_bounded(
        self, server: Server, ada: Person, http: aiohttp.ClientSession
    ) -> None:
        await open_polling_socket(server, http, ada)
        async with open_socket(server, http, ada), open_socket(server, http, ada):
            for path in (PATH, "/api/ws/chat?"):
                with pytest.raises(aiohttp.WSServerHandshakeError) as refusal:
                    await http.ws_connect(f"{server.url}{path}&transport=websocket")
                assert refusal.value.status == 503
            async with http.get(f"{server.url}{PATH}&transport=polling") as response:
                assert response.status == 503 and response.headers["retry-after"] == "10"
            async with open_socket(server, http, ada, x_forwarded_for="10.0.0.1"):
                pass
        for _ in range(100):
            try:
                async with open_socket(server, http, ada), open_socket(server, http, ada):
                    return
            except aiohttp.WSServerHandshakeError:
                await asyncio.sleep(0.05)
        pytest.fail("closed sockets count")

    async def test_all_sockets_are_bounded(self, server: Server, ada: Person, http: aiohttp.ClientSession) -> None:
        sockets = [open_socket(server, http, ada, x_forwarded_for=f"10.0.0.{number // 2}") for number in range(6)]
        for socket in sockets:
            await socket.__aenter__()
        with pytest.raises(aiohttp.WSServerHandshakeError):
            async with open_socket(server, http, ada, x_forwarded_for="10.0.0.9"):
                pass
        for socket in sockets:
            await socket.__aexit__(None, None, None)


class TestStrangers:
    @pytest.fixture
    def environment(self) -> dict[str, str]:
        return {"FASTBACK_MAX_STRANGER_SOCKETS": "3"}

    async def test_the_oldest_stranger_makes_room(
        self, server: Server, ada: Person, http: aiohttp.ClientSession
    ) -> None:
        chat_socket = http.ws_connect(f"{server.url}/api/ws/chat")
        async with (
            open_socket(server, http, ada) as page,
            chat_socket as oldest,
            open_socket(server, http) as second,
            open_socket(server, http) as third,
            open_socket(server, http) as fourth,
        ):
            assert await is_closed(oldest)
            polling = await open_polling_socket(server, http)
            assert await is_closed(second)
            for socket in (page, third, fourth):
                assert await is_alive(socket)
            async with open_socket(server, http, ada) as another, open_socket(server, http):
                assert await is_alive(another)
            assert await polling.post("3") in (200, 400)


# -- slow readers -------------------------------------------------------------------------------------------------


class TestSlowReaders:
    @pytest.fixture
    def environment(self) -> dict[str, str]:
        return {"FASTBACK_MAX_SOCKET_BACKLOG": str(MEGABYTE)}

    async def test_a_page_gets_the_newest_whole_answer_when_it_reads_again(
        self, server: Server, ada: Person, bob: Person, http: aiohttp.ClientSession
    ) -> None:
        async with open_page(ada) as page:
            chat = await page.ask("Hi [[tokens 1]]")
            await self._share(ada, bob, chat["chat_id"])
            slow = await self._watch(server, http, bob, chat["chat_id"])
            page.events.clear()
            await page.ask(
                "[[silent 1]] [[tokens 5000]]", chat_id=chat["chat_id"], parent_id=chat["answer"]
            )  # the whole answer is sent before and after the silence, and several times besides
            packets = [json.loads(packet[2:])[1] for packet in await slow.poll() if packet.startswith("42")]
        outputs = [packet["data"]["data"] for packet in packets if "output" in (packet["data"].get("data") or {})]
        assert [output.get("done") for output in outputs] == [None, True]

    async def test_a_page_that_reads_nothing_is_closed(
        self, server: Server, ada: Person, bob: Person, http: aiohttp.ClientSession
    ) -> None:
        """Each answer of 200 kB waits for the page as fragments."""
        slow = await open_polling_socket(server, http, ada)
        async with open_page(ada) as page:
            for _ in range(8):
                await page.ask("[[tokens 30000]]")
                page.events.clear()
            assert page.socket.connected
        assert await slow.post("3") == 400

    async def _share(self, ada: Person, bob: Person, chat_id: str) -> None:
        (await ada.post(f"/api/v1/chats/{chat_id}/share", {"share_mode": "continue"})).ok()
        grants = [{"principal_type": "user", "principal_id": bob.id, "permission": "read"}]
        (await ada.post(f"/api/v1/chats/shared/{chat_id}/access/update", {"access_grants": grants})).ok()

    async def _watch(self, server: Server, http: Any, person: Person, chat_id: str) -> PollingSocket:
        """Open a page that has a chat open and does not poll."""
        socket = await open_polling_socket(server, http, person)
        await socket.post("421" + json.dumps(["events:chat", {"chat_id": chat_id, "data": {"type": "join"}}]))
        while not any(packet.startswith("431") for packet in await socket.poll()):
            pass
        return socket
