"""Asks about plugins in processes of their own, one a question: a plugin that fails, hangs or grows harms nobody."""

from __future__ import annotations

import os
from typing import Any, Literal

import msgspec

from fastback.access.identity import User
from fastback.kit.workers.errors import AnswerTooLarge, JobTimeout, WorkerDied
from fastback.kit.workers.pool import Limits, Workers
from fastback.settings import Settings

Kind = Literal["tool", "function"]
ValvesClass = Literal["Valves", "UserValves"]

#: What a plugin may take to load: seconds of computing, and bytes of address space (what libraries map counts too).
SECONDS = 20
MEMORY = 2 * 1024**3
_LIMITS = Limits(processes=2, memory=MEMORY, answer=8 * 1024**2, niceness=0, isolated=True)
#: What of the environment a plugin's process sees, besides what every worker does: nothing that is secret.
_SEEN = ("SSL_CERT_FILE", "SYSTEMROOT")


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
        environment = {name: os.environ[name] for name in _SEEN if name in os.environ}
        environment["PYTHONDONTWRITEBYTECODE"] = "1"
        self.workers = Workers("fastback.features.plugins.worker", _LIMITS, name="plugins", environment=environment)

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
        job = msgspec.json.encode(question)
        try:
            answer = msgspec.json.decode(await self.workers.ask(job, seconds=SECONDS + 5), type=_Answer)
        except JobTimeout:
            raise PluginFailed(f"The module did not load within {SECONDS} seconds") from None
        except AnswerTooLarge:
            raise PluginFailed("The module has too much to say of itself") from None
        except (WorkerDied, msgspec.DecodeError, UnicodeDecodeError):
            raise PluginFailed("The module ended the process that loaded it") from None
        if answer.failed is not None:
            raise (ValvesMismatch if answer.valves else PluginFailed)(answer.failed)
        return bytes(answer.found)
