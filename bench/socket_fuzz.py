"""`python -m bench.socket_fuzz [--database postgres] [--rounds N]`: send hostile packets on the sockets.

A new server gets malformed packets of Engine.IO and Socket.IO over WebSockets and long polling, every event with wrong
types in its payload, and wrong messages on `/api/ws/chat`, from signed-in and unknown clients. A page that stays
connected must get its replies all the while, and the server must log no traceback. Exit code 1 where it does not.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import tempfile
from pathlib import Path
from typing import Any

import aiohttp

from bench import servers
from bench.schema_fuzz import create_database
from bench.socket_fuzz_inputs import EVENTS, PACKETS, TURN, mutate
from fastback.demo.process import find_free_port, run_demo_server

SOCKET_PATH = "/ws/socket.io/?EIO=4&transport="
_TIMEOUT = aiohttp.ClientTimeout(total=10)


class Target:
    """The server, a user's token, and ids of records of theirs."""

    def __init__(self, running: servers.Running) -> None:
        self.url = running.url
        self.token = running.token
        self.sent = 0
        self._ids = self._create_records(running)

    def _create_records(self, running: servers.Running) -> dict[str, str]:
        def call(path: str, body: Any) -> str:
            return str(servers.call_json(f"{running.url}/api/v1{path}", body, running.token)["id"])

        return {
            "TOKEN": running.token,
            "CHAT": call("/chats/new", {"chat": {"title": "Fuzz"}}),
            "NOTE": call("/notes/create", {"title": "Note", "access_grants": []}),
            "CHANNEL": call("/channels/create", {"name": "general", "description": ""}),
        }

    def fill_in(self, value: Any) -> str:
        """Return a payload as JSON, with the ids of records."""
        text = json.dumps(value)
        for name, record_id in self._ids.items():
            text = text.replace(name, record_id)
        return text

    async def send_all(self, packets: list[str | bytes], *, is_signed_in: bool) -> None:
        """Send packets over WebSockets; where the server closes one, the next packet gets a new one."""
        async with aiohttp.ClientSession(timeout=_TIMEOUT) as session:
            waiting = packets[::-1]
            while waiting:
                async with session.ws_connect(self.url + SOCKET_PATH + "websocket", max_msg_size=0) as socket:
                    await socket.receive(timeout=10)
                    await socket.send_str("40" + (json.dumps({"token": self.token}) if is_signed_in else ""))
                    await socket.receive(timeout=10)
                    while waiting and not socket.closed:
                        packet = waiting.pop()
                        self.sent += 1
                        try:
                            await (
                                socket.send_bytes(packet) if isinstance(packet, bytes) else _send_text(socket, packet)
                            )
                            await _drain(socket)
                        except (ConnectionError, aiohttp.ClientError):
                            break

    async def poll_all(self, packets: list[str | bytes]) -> None:
        """Send packets by long polling, each on a new connection."""
        async with aiohttp.ClientSession(timeout=_TIMEOUT) as session:
            for packet in packets:
                async with session.get(self.url + SOCKET_PATH + "polling") as response:
                    sid = json.loads((await response.text())[1:])["sid"]
                self.sent += 1
                data = packet if isinstance(packet, bytes) else packet.encode("utf-8", "surrogatepass")
                address = f"{self.url}{SOCKET_PATH}polling&sid={sid}"
                async with session.post(address, data=data) as response:
                    if response.status >= 500:
                        raise AssertionError(f"{response.status} for {packet!r} by polling: {await response.text()}")

    async def chat_all(self, messages: list[str | bytes]) -> None:
        """Send messages to `/api/ws/chat`."""
        async with aiohttp.ClientSession(timeout=_TIMEOUT) as session:
            waiting = messages[::-1]
            while waiting:
                async with session.ws_connect(f"{self.url}/api/ws/chat?token={self.token}") as socket:
                    await socket.send_str(json.dumps({"token": self.token}))
                    while waiting and not socket.closed:
                        message = waiting.pop()
                        self.sent += 1
                        try:
                            await (
                                socket.send_bytes(message)
                                if isinstance(message, bytes)
                                else _send_text(socket, message)
                            )
                            await _drain(socket)
                            await socket.send_str('{"cancel":true}')
                            await _drain(socket)
                        except (ConnectionError, aiohttp.ClientError):
                            break


async def _send_text(socket: aiohttp.ClientWebSocketResponse, text: str) -> None:
    """Send a text that need not be valid UTF-8."""
    await socket.send_frame(text.encode("utf-8", "surrogatepass"), aiohttp.WSMsgType.TEXT)


async def _drain(socket: aiohttp.ClientWebSocketResponse) -> None:
    """Read what the server has sent."""
    try:
        while (await socket.receive(timeout=0.004)).type in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY):
            pass
    except TimeoutError:
        pass


async def watch(target: Target, stop: asyncio.Event) -> int:
    """Keep a page connected until the end, and return how many of its questions were answered.

    Raises:
        AssertionError: it is disconnected, or gets no reply.
    """
    count = 0
    async with aiohttp.ClientSession() as session, session.ws_connect(target.url + SOCKET_PATH + "websocket") as socket:
        await socket.receive(timeout=10)
        await socket.send_str("40" + json.dumps({"token": target.token}))
        while not stop.is_set():
            count += 1
            await socket.send_str(f'42{count}["user-join",{{"auth":{{"token":"{target.token}"}}}}]')
            while True:
                message = await socket.receive(timeout=10)
                assert message.type is aiohttp.WSMsgType.TEXT, f"the page is disconnected: {message}"
                if message.data == "2":
                    await socket.send_str("3")
                elif message.data.startswith(f"43{count}["):
                    break
            await asyncio.sleep(0.05)
    return count


async def fuzz(target: Target, rounds: int) -> int:
    """Send everything, and return how many questions of the page were answered meanwhile."""
    stop = asyncio.Event()
    page = asyncio.create_task(watch(target, stop))
    for seed in range(rounds):
        generator = random.Random(seed)
        events: list[str | bytes] = [
            f"42{generator.choice(['', '7'])}[{json.dumps(event)},{target.fill_in(payload)}]"
            for event, body in EVENTS.items()
            for payload in mutate(body, generator)
        ]
        events += [f"42[{json.dumps(event)}]" for event in EVENTS]
        events += [f"42[{json.dumps(event)},1,2,3]" for event in EVENTS]
        turns: list[str | bytes] = [target.fill_in(message) for message in mutate(TURN, generator)]
        for is_signed_in in (True, False):
            await target.send_all([*PACKETS, *events], is_signed_in=is_signed_in)
        await target.poll_all([*PACKETS, *generator.sample(events, 100)])
        await target.chat_all([*turns, *PACKETS])
        if page.done():
            break
    stop.set()
    return await page


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--database", choices=["sqlite", "postgres"], default="sqlite")
    parser.add_argument(
        "--rounds", type=int, default=1, help="how often everything is sent, each time with other values"
    )
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="socket-fuzz-") as name,
        run_demo_server() as upstream,
        create_database(options.database) as database,
    ):
        port = find_free_port()
        env = servers.make_environment(upstream, Path(name) / "data", port) | database
        env |= {
            "ENABLE_CHANNELS": "true",
            "FASTBACK_MAX_SOCKETS_PER_USER": "1000",
            "FASTBACK_MAX_STRANGER_SOCKETS": "1000",
        }
        with servers.run_server("Fastback", [sys.executable, "-m", "fastback", "serve"], env, port) as running:
            running.prepare_chats()
            target = Target(running)
            count = asyncio.run(fuzz(target, options.rounds))
        log = (Path(name) / "fastback.log").read_text(encoding="utf-8")
    faults = [line for line in log.splitlines() if "ERROR" in line or "Traceback" in line]
    print(f"{target.sent} packets; {count} questions of another page were answered; {len(faults)} errors are logged")
    if faults:
        print(log[-20_000:])
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
