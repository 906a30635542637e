"""Inspect plugins in worker processes, after installing the packages that they require.

Each question about a plugin runs in a process of its own, so that a plugin that fails, hangs or takes too much memory
harms neither the server nor another plugin.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any, Literal

import msgspec

from fastback.access.identity import User
from fastback.features.plugins.imported_packages import list_imported_packages
from fastback.kit.json_decoding import decode_json
from fastback.kit.plugin_source import get_requirements
from fastback.kit.workers.errors import JobTimeout, ReplyTooLarge, WorkerDied
from fastback.kit.workers.pool import Limits, WorkerPool
from fastback.plugins.environment import build_environment
from fastback.plugins.package_installer import PackageInstaller
from fastback.plugins.requirements import parse_requirements
from fastback.settings import Settings

log = logging.getLogger("fastback.plugins")

PluginKind = Literal["tool", "function"]
ValvesClass = Literal["Valves", "UserValves"]

#: Limits of loading a plugin: seconds of computing, and bytes of address space, mapped libraries included.
SECONDS = 20
MEMORY = 2 * 1024**3
#: Seconds that chats wait for the packages of a plugin.
INSTALLATION_WAIT_SECONDS = 60.0
_LIMITS = Limits(processes=2, memory=MEMORY, largest_reply=8 * 1024**2, niceness=0, isolated=True)


class PluginError(Exception):
    """The plugin does not load, or the process that loads it failed; the message is for its author.

    Attributes:
        hint: what its author can do about it; empty where the message says it all.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint

    def describe(self) -> str:
        """Return the message with the hint."""
        return f"{self}. {self.hint}" if self.hint else str(self)


class PackageMissing(PluginError):
    """The plugin imports or requires a package that is not there."""


class ValvesMismatch(PluginError):
    """The plugin's code rejects its valves."""


class Description(msgspec.Struct):
    """What the code of a plugin declares: `type` is `tool`, `pipe`, `filter`, `action` or `event`."""

    type: str
    has_user_valves: bool
    toggle: bool
    specs: list[dict[str, Any]]


class _WorkerResponse(msgspec.Struct):
    """The result of a question, or the message of the error; `is_mismatch` marks an error about valves.

    `hint` tells the author how to install a package that is missing.
    """

    result: msgspec.Raw = msgspec.Raw(b"null")
    error: str | None = None
    is_mismatch: bool = False
    hint: str = ""


class PluginInspector:
    """Answers questions about plugins; their code runs in worker processes."""

    def __init__(self, settings: Settings, installer: PackageInstaller) -> None:
        self._enabled = {"tool": settings.enable_tools, "function": settings.enable_functions}
        self._installer = installer
        self.workers = WorkerPool(
            "fastback.plugin_host.inspection_worker", _LIMITS, name="plugins", environment=build_environment()
        )

    async def describe_plugin(
        self, kind: PluginKind, plugin_id: str, content: str, valves: dict[str, Any]
    ) -> Description:
        """Return what a plugin declares, after checking that its code accepts the stored `valves`.

        Raises:
            PackageMissing: a package that it requires cannot be installed, or one that it imports is not there.
            PluginError: the plugin does not load.
            ValvesMismatch: its code rejects the valves.
        """
        if self._enabled[kind]:
            await self._require_packages(content)
        result = await self._ask_worker(kind, plugin_id, content, ask="describe", valves=valves)
        try:
            description: Description = decode_json(result, msgspec.json.Decoder(Description).decode)
            return description
        except msgspec.DecodeError as error:
            raise PluginError(str(error)) from None

    async def get_valves_schema(
        self, kind: PluginKind, plugin_id: str, content: str, name: ValvesClass, user: User
    ) -> dict[str, Any] | None:
        """Return the JSON schema of a plugin's valves with the options for this user; None if it has no valves.

        Raises:
            PluginError: the plugin does not load.
        """
        user_fields = {"id": user.id, "name": user.name, "email": user.email, "role": user.role}
        question = {"ask": "schema", "class": name, "user": user_fields}
        schema: dict[str, Any] | None = msgspec.json.decode(
            await self._ask_worker(kind, plugin_id, content, **question)
        )
        return schema

    async def fill_valves(
        self, kind: PluginKind, plugin_id: str, content: str, name: ValvesClass, values: dict[str, Any]
    ) -> dict[str, Any] | None:
        """Return the values as the plugin's valves class accepts them; None if it has no valves.

        Raises:
            ValvesMismatch: the class rejects them.
            PluginError: the plugin does not load.
        """
        non_null_values = {key: value for key, value in values.items() if value is not None}
        question = {"ask": "fill", "class": name, "values": non_null_values}
        accepted: dict[str, Any] | None = msgspec.json.decode(
            await self._ask_worker(kind, plugin_id, content, **question)
        )
        return accepted

    async def install_packages(self, content: str) -> None:
        """Install what stored code requires, before it is loaded for chats, which do not wait for long."""
        fields = [get_requirements(content), ", ".join(list_imported_packages(content))]
        installation = asyncio.ensure_future(self._installer.install(fields))
        try:
            await asyncio.wait_for(asyncio.shield(installation), INSTALLATION_WAIT_SECONDS)
        except TimeoutError:
            log.warning("installing packages takes long; a plugin is loaded without them")

    async def _require_packages(self, content: str) -> None:
        """Install what new code requires.

        Raises:
            PackageMissing: a package cannot be installed.
        """
        imported = ", ".join(list_imported_packages(content))
        required = get_requirements(content)
        outcomes = await self._installer.install([required, imported], retries_failed=True)
        entries = parse_requirements(required).entries
        failed = [outcome for outcome in outcomes if outcome.state == "failed" and outcome.requirement in entries]
        if failed:
            raise PackageMissing("; ".join(f"{item.requirement} cannot be installed: {item.note}" for item in failed))

    async def _ask_worker(self, kind: PluginKind, plugin_id: str, content: str, **question: Any) -> bytes:
        """Let a new process answer a question about a plugin; return the result as JSON."""
        if not self._enabled[kind]:
            name = kind.title() + "s"
            raise PluginError(f"{name} are disabled by ENABLE_PLUGINS or ENABLE_{name.upper()}")
        plugin = {
            "kind": kind,
            "id": plugin_id,
            "content": content,
            "import_paths": [str(self._installer.directory)],
        }
        job = msgspec.json.encode({**plugin, "seconds": SECONDS, "memory": MEMORY, **question})
        try:
            response = decode_json(
                await self.workers.run_job(job, seconds=SECONDS + 5), msgspec.json.Decoder(_WorkerResponse).decode
            )
        except JobTimeout:
            raise PluginError(f"The module did not load within {SECONDS} seconds") from None
        except ReplyTooLarge:
            raise PluginError("The module has too much to say of itself") from None
        except (WorkerDied, msgspec.DecodeError):
            raise PluginError("The module ended the process that loaded it") from None
        if response.error is not None:
            if response.is_mismatch:
                raise ValvesMismatch(response.error)
            log.warning("loading %s %s failed: %s", kind, plugin_id, response.error)
            if response.hint:
                raise PackageMissing(response.error, response.hint)
            raise PluginError(response.error)
        return bytes(response.result)
