"""Running code on a Jupyter server, in a kernel that is made for it and gone afterwards."""

from __future__ import annotations

import asyncio
import logging
import uuid
from typing import Any

import aiohttp
import msgspec

log = logging.getLogger("fastback.code")

#: Bytes that an output may have, and that a message of the server may (a picture is one).
LARGEST = 16 * 1024 * 1024
#: Seconds that everything but running takes at most.
PATIENCE = 60.0


class Output(msgspec.Struct):
    """What code has written and what came of it; pictures are data URLs."""

    stdout: str = ""
    stderr: str = ""
    result: str = ""


class Jupyter:
    """A server, entered by token or password."""

    def __init__(
        self, url: str, *, token: str | None = None, password: str | None = None, timeout: float | None = 60
    ) -> None:
        """`timeout`: seconds that running code may be silent; None: as long as it likes."""
        self._url = url.rstrip("/")
        self._params = {"token": token} if token else {}
        self._password = password if password and not token else None
        self._timeout = timeout

    async def run(self, code: str) -> Output:
        """Run code. What fails on the way is told in `stderr`, as what fails in the code is."""
        limit = aiohttp.ClientTimeout(total=PATIENCE)
        # Servers are often known by number, and their cookies count all the same.
        jar = aiohttp.CookieJar(unsafe=True)
        async with aiohttp.ClientSession(cookie_jar=jar, timeout=limit, trust_env=True) as client:
            try:
                headers = await self._sign_in(client) if self._password else {}
                kernel = await self._kernel(client, headers)
            except (aiohttp.ClientError, TimeoutError, OSError, ValueError, KeyError) as error:
                return _failed(error)
            try:
                return await self._execute(client, kernel, headers, code)
            except (aiohttp.ClientError, TimeoutError, OSError, ValueError, KeyError, TypeError) as error:
                return _failed(error)
            finally:
                await asyncio.shield(self._remove(client, kernel, headers))

    async def _sign_in(self, client: aiohttp.ClientSession) -> dict[str, str]:
        """Sign in with the password; the headers that go along from then on. Raises: ValueError, it has no token."""
        async with client.get(f"{self._url}/login") as response:
            response.raise_for_status()
            found = response.cookies.get("_xsrf")
        if found is None or not found.value:
            raise ValueError("_xsrf token not found")
        headers = {"X-XSRFToken": found.value}
        form = {"_xsrf": found.value, "password": str(self._password)}
        async with client.post(f"{self._url}/login", data=form, headers=headers, allow_redirects=False) as response:
            response.raise_for_status()
        return headers

    async def _kernel(self, client: aiohttp.ClientSession, headers: dict[str, str]) -> str:
        async with client.post(f"{self._url}/api/kernels", params=self._params, headers=headers) as response:
            response.raise_for_status()
            return str((await response.json())["id"])

    async def _remove(self, client: aiohttp.ClientSession, kernel: str, headers: dict[str, str]) -> None:
        try:
            async with client.delete(
                f"{self._url}/api/kernels/{kernel}", params=self._params, headers=headers
            ) as response:
                response.raise_for_status()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            log.warning("kernel %s stays: %s", kernel, error or type(error).__name__)

    async def _execute(self, client: aiohttp.ClientSession, kernel: str, headers: dict[str, str], code: str) -> Output:
        async with client.ws_connect(
            f"{self._url}/api/kernels/{kernel}/channels", params=self._params, headers=headers, max_msg_size=LARGEST
        ) as socket:
            request = _request(code)
            await socket.send_json(request)
            return await self._listen(socket, request["header"]["msg_id"])

    async def _listen(self, socket: aiohttp.ClientWebSocketResponse, message_id: str) -> Output:
        """What comes until the kernel is idle again."""
        gathered = _Gathered()
        while True:
            try:
                packet = await socket.receive(self._timeout)
            except TimeoutError:
                gathered.stderr.append("\nExecution timed out.")
                break
            if packet.type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSING, aiohttp.WSMsgType.CLOSED):
                raise ValueError("the server closed the connection")
            if packet.type is not aiohttp.WSMsgType.TEXT:
                continue
            message = msgspec.json.decode(packet.data)
            if (message.get("parent_header") or {}).get("msg_id") != message_id:
                continue
            content = message.get("content") or {}
            if message.get("msg_type") == "status" and content.get("execution_state") == "idle":
                break
            gathered.take(str(message.get("msg_type")), content)
            if gathered.size > LARGEST:
                gathered.stderr.append("\nThe output is too long.")
                break
        return gathered.output()


class _Gathered:
    """What messages have brought."""

    def __init__(self) -> None:
        self.stdout: list[str] = []
        self.stderr: list[str] = []
        self.results: list[str] = []
        self.size = 0

    def take(self, kind: str, content: dict[str, Any]) -> None:
        if kind == "stream":
            self._add(self.stderr if content["name"] == "stderr" else self.stdout, content["text"])
        elif kind in ("execute_result", "display_data"):
            data = content["data"]
            if "image/png" in data:
                self._add(self.results, f"data:image/png;base64,{data['image/png']}")
            elif "text/plain" in data:
                self._add(self.results, data["text/plain"])
        elif kind == "error":
            self._add(self.stderr, "\n".join(content["traceback"]))

    def _add(self, pieces: list[str], piece: str) -> None:
        pieces.append(piece)
        self.size += len(piece)

    def output(self) -> Output:
        return Output("".join(self.stdout).strip(), "".join(self.stderr).strip(), "\n".join(self.results).strip())


def _failed(error: Exception) -> Output:
    log.warning("code was not run: %s", error or type(error).__name__)
    return Output(stderr=f"Error: {error or type(error).__name__}")


def _request(code: str) -> dict[str, Any]:
    """What asks a kernel to run code, in Jupyter's protocol."""
    return {
        "header": {
            "msg_id": uuid.uuid4().hex,
            "msg_type": "execute_request",
            "username": "user",
            "session": uuid.uuid4().hex,
            "date": "",
            "version": "5.3",
        },
        "parent_header": {},
        "metadata": {},
        "content": {
            "code": code,
            "silent": False,
            "store_history": True,
            "user_expressions": {},
            "allow_stdin": False,
            "stop_on_error": True,
        },
        "channel": "shell",
    }
