"""Asks about plugins in processes of their own, one a question: a plugin that fails, hangs or grows harms nobody."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

import msgspec

import fastback
from fastback.access.identity import User
from fastback.settings import Settings

Kind = Literal["tool", "function"]
ValvesClass = Literal["Valves", "UserValves"]

#: What a plugin may take to load: seconds, and bytes of address space (what libraries map counts too).
SECONDS = 20
MEMORY = 2 * 1024**3
#: The longest answer about a plugin (bytes).
LONGEST = 8 * 1024**2
#: At most so many plugins are asked at once.
AT_ONCE = 2
#: What of the environment a plugin's process sees: nothing that is secret.
_SEEN = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "SSL_CERT_FILE", "SYSTEMROOT")


class PluginFailed(Exception):
    """A plugin does not load, or does not answer; the text is for its author."""


class ValvesMismatch(PluginFailed):
    """A plugin's valves are none that its code takes."""


class Description(msgspec.Struct):
    """What a plugin says of itself: `type` is `tool`, `pipe`, `filter`, `action` or `event`."""

    type: str
    has_user_valves: bool
    toggle: bool
    specs: list[dict[str, Any]]


class _Answer(msgspec.Struct):
    found: msgspec.Raw = msgspec.Raw(b"null")
    failed: str | None = None
    valves: bool = False


class Plugins:
    """Loads plugins elsewhere and brings back what was asked."""

    def __init__(self, settings: Settings) -> None:
        self._enabled = {"tool": settings.enable_tools, "function": settings.enable_functions}
        self._places = asyncio.Semaphore(AT_ONCE)

    async def describe(self, kind: Kind, plugin_id: str, content: str, valves: dict[str, Any]) -> Description:
        """What a plugin says of itself; `valves` are those stored for it, which its code must take.

        Raises:
            PluginFailed, ValvesMismatch.
        """
        found = await self._ask(kind, plugin_id, content, ask="describe", valves=valves)
        try:
            return msgspec.json.decode(found, type=Description)
        except msgspec.ValidationError as error:
            raise PluginFailed(str(error)) from None

    async def valves_schema(
        self, kind: Kind, plugin_id: str, content: str, name: ValvesClass, user: User
    ) -> dict[str, Any] | None:
        """The JSON schema of a plugin's valves, options filled in for this user; None where it has none.

        Raises:
            PluginFailed: it does not load.
        """
        person = {"id": user.id, "name": user.name, "email": user.email, "role": user.role}
        asked = {"ask": "schema", "class": name, "user": person}
        found: dict[str, Any] | None = msgspec.json.decode(await self._ask(kind, plugin_id, content, **asked))
        return found

    async def filled(
        self, kind: Kind, plugin_id: str, content: str, name: ValvesClass, values: dict[str, Any]
    ) -> dict[str, Any] | None:
        """The values as the plugin's valves take them; None where it has none.

        Raises:
            ValvesMismatch: they do not take them; PluginFailed: the plugin does not load.
        """
        given = {key: value for key, value in values.items() if value is not None}
        asked = {"ask": "fill", "class": name, "values": given}
        found: dict[str, Any] | None = msgspec.json.decode(await self._ask(kind, plugin_id, content, **asked))
        return found

    async def _ask(self, kind: Kind, plugin_id: str, content: str, **asked: Any) -> bytes:
        if not self._enabled[kind]:
            name = kind.title() + "s"
            raise PluginFailed(f"{name} are disabled by ENABLE_PLUGINS or ENABLE_{name.upper()}")
        question = {"kind": kind, "id": plugin_id, "content": content, "seconds": SECONDS, "memory": MEMORY, **asked}
        async with self._places:
            with tempfile.TemporaryDirectory(prefix="plugin-", ignore_cleanup_errors=True) as folder:
                said = await _said(msgspec.json.encode(question), folder)
        try:
            answer = msgspec.json.decode(said, type=_Answer)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise PluginFailed("The module ended the process that loaded it") from None
        if answer.failed is not None:
            raise (ValvesMismatch if answer.valves else PluginFailed)(answer.failed)
        return bytes(answer.found)


def _environment() -> dict[str, str]:
    seen = {name: os.environ[name] for name in _SEEN if name in os.environ}
    ours = str(Path(fastback.__file__).parents[1])
    paths = [ours, *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    return {**seen, "PYTHONPATH": os.pathsep.join(one for one in paths if one), "PYTHONDONTWRITEBYTECODE": "1"}


async def _said(question: bytes, folder: str) -> bytes:
    """What a fresh process says to a question, at most `LONGEST` bytes.

    Raises:
        PluginFailed: it took too long.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "fastback.features.plugins.worker",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        cwd=folder,
        env=_environment(),
        start_new_session=True,
    )
    assert process.stdin is not None and process.stdout is not None
    try:
        async with asyncio.timeout(SECONDS + 5):
            with suppress(BrokenPipeError, ConnectionResetError):
                process.stdin.write(question)
                await process.stdin.drain()
                process.stdin.close()
            parts: list[bytes] = []
            size = 0
            while part := await process.stdout.read(65536):
                parts.append(part)
                size += len(part)
                if size > LONGEST:
                    raise PluginFailed("The module has too much to say of itself")
            await process.wait()
            return b"".join(parts)
    except TimeoutError:
        raise PluginFailed(f"The module did not load within {SECONDS} seconds") from None
    finally:
        # The whole session: also what the plugin started.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
