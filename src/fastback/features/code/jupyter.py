"""Running code on a Jupyter server, in a kernel that is created for it and deleted afterwards."""

from __future__ import annotations

import asyncio
import logging
import uuid
from typing import Any

import aiohttp
import msgspec

log = logging.getLogger("fastback.code")

#: Largest output, and largest message of the server (bytes); a picture is one message.
MAX_OUTPUT_BYTES = 16 * 1024 * 1024
#: Time limit of every request except the run itself (seconds).
REQUEST_TIMEOUT = 60.0


class CodeOutput(msgspec.Struct):
    """What the code printed, and its result; pictures are data URLs."""

    stdout: str = ""
    stderr: str = ""
    result: str = ""


class JupyterClient:
    """Client of a Jupyter server with a token or a password."""

    def __init__(
        self, url: str, *, token: str | None = None, password: str | None = None, timeout: float | None = 60
    ) -> None:
        """Set up the client.

        Args:
            timeout: seconds that running code may be silent; None means without limit.
        """
        self._url = url.rstrip("/")
        self._params = {"token": token} if token else {}
        self._password = password if password and not token else None
        self._timeout = timeout

    async def run(self, code: str) -> CodeOutput:
        """Run code. Errors of the server are reported in `stderr`, like errors of the code."""
        timeout = aiohttp.ClientTimeout(total=REQUEST_TIMEOUT)
        # The address is often an IP address; aiohttp ignores cookies of these by default.
        jar = aiohttp.CookieJar(unsafe=True)
        async with aiohttp.ClientSession(cookie_jar=jar, timeout=timeout, trust_env=True) as client:
            try:
                headers = await self._sign_in(client) if self._password else {}
                kernel = await self._create_kernel(client, headers)
            except (aiohttp.ClientError, TimeoutError, OSError, ValueError, KeyError) as error:
                return _build_error_output(error)
            try:
                return await self._execute(client, kernel, headers, code)
            except (aiohttp.ClientError, TimeoutError, OSError, ValueError, KeyError, TypeError) as error:
                return _build_error_output(error)
            finally:
                await asyncio.shield(self._delete_kernel(client, kernel, headers))

    async def _sign_in(self, client: aiohttp.ClientSession) -> dict[str, str]:
        """Sign in with the password, and return the headers for further requests.

        Raises:
            ValueError: the login page sets no XSRF token.
        """
        async with client.get(f"{self._url}/login") as response:
            response.raise_for_status()
            xsrf_cookie = response.cookies.get("_xsrf")
        if xsrf_cookie is None or not xsrf_cookie.value:
            raise ValueError("_xsrf token not found")
        headers = {"X-XSRFToken": xsrf_cookie.value}
        form = {"_xsrf": xsrf_cookie.value, "password": str(self._password)}
        async with client.post(f"{self._url}/login", data=form, headers=headers, allow_redirects=False) as response:
            response.raise_for_status()
        return headers

    async def _create_kernel(self, client: aiohttp.ClientSession, headers: dict[str, str]) -> str:
        async with client.post(f"{self._url}/api/kernels", params=self._params, headers=headers) as response:
            response.raise_for_status()
            return str((await response.json())["id"])

    async def _delete_kernel(self, client: aiohttp.ClientSession, kernel: str, headers: dict[str, str]) -> None:
        try:
            async with client.delete(
                f"{self._url}/api/kernels/{kernel}", params=self._params, headers=headers
            ) as response:
                response.raise_for_status()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            log.warning("deleting kernel %s failed, it remains: %s", kernel, error or type(error).__name__)

    async def _execute(
        self, client: aiohttp.ClientSession, kernel: str, headers: dict[str, str], code: str
    ) -> CodeOutput:
        async with client.ws_connect(
            f"{self._url}/api/kernels/{kernel}/channels",
            params=self._params,
            headers=headers,
            max_msg_size=MAX_OUTPUT_BYTES,
        ) as socket:
            request = _build_execute_request(code)
            await socket.send_json(request)
            return await self._collect_output(socket, request["header"]["msg_id"])

    async def _collect_output(self, socket: aiohttp.ClientWebSocketResponse, message_id: str) -> CodeOutput:
        """Return the output up to the message that the kernel is idle again."""
        collector = _OutputCollector()
        while True:
            try:
                packet = await socket.receive(self._timeout)
            except TimeoutError:
                collector.stderr.append("\nExecution timed out.")
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
            collector.add_message(str(message.get("msg_type")), content)
            if collector.size > MAX_OUTPUT_BYTES:
                collector.stderr.append("\nThe output is too long.")
                break
        return collector.get_output()


class _OutputCollector:
    """Collect the output of a kernel from its messages."""

    def __init__(self) -> None:
        self.stdout: list[str] = []
        self.stderr: list[str] = []
        self.results: list[str] = []
        self.size = 0

    def add_message(self, kind: str, content: dict[str, Any]) -> None:
        if kind == "stream":
            self._append(self.stderr if content["name"] == "stderr" else self.stdout, content["text"])
        elif kind in ("execute_result", "display_data"):
            data = content["data"]
            if "image/png" in data:
                self._append(self.results, f"data:image/png;base64,{data['image/png']}")
            elif "text/plain" in data:
                self._append(self.results, data["text/plain"])
        elif kind == "error":
            self._append(self.stderr, "\n".join(content["traceback"]))

    def _append(self, texts: list[str], text: str) -> None:
        texts.append(text)
        self.size += len(text)

    def get_output(self) -> CodeOutput:
        return CodeOutput("".join(self.stdout).strip(), "".join(self.stderr).strip(), "\n".join(self.results).strip())


def _build_error_output(error: Exception) -> CodeOutput:
    log.warning("running code failed: %s", error or type(error).__name__)
    return CodeOutput(stderr=f"Error: {error or type(error).__name__}")


def _build_execute_request(code: str) -> dict[str, Any]:
    """Return an `execute_request` message of the Jupyter protocol, version 5.3."""
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
