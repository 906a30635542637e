"""Install the packages that plugins require, into a directory of their own behind the server's packages.

What happened to each requirement is kept in a file of that directory, so that the next start installs nothing twice.
"""

from __future__ import annotations

import asyncio
import logging
import os
import platform
import re
import shlex
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec

import fastback
from fastback.kit.workers.errors import JobErrored, WorkerDied
from fastback.kit.workers.pool import Limits, WorkerPool
from fastback.plugins.environment import build_environment
from fastback.plugins.requirements import parse_requirements
from fastback.settings import Settings

log = logging.getLogger("fastback.plugins")

#: Seconds that one installation may take.
INSTALLATION_SECONDS = 600.0
_LIMITS = Limits(processes=1, seconds=INSTALLATION_SECONDS, isolated=True)
_SEPARATORS = re.compile(r"[-_. ]+")
#: In the data directory.
DIRECTORY, OUTCOMES_FILE = "fastback_plugins", "requirements.json"


class Outcome(msgspec.Struct):
    """What happened to a requirement.

    Attributes:
        state: `installed`, `present` (nothing was missing), `skipped` or `failed`.
        note: why; empty where there is nothing to say.
        packages: what was installed with it, as `name version`.
    """

    requirement: str
    state: str
    note: str = ""
    packages: list[str] = []

    @property
    def is_met(self) -> bool:
        return self.state in ("installed", "present")


class _StoredOutcomes(msgspec.Struct):
    """The content of the file: outcomes by requirement, for the environment in which they came about."""

    environment: str
    outcomes: dict[str, Outcome] = {}


class _Report(msgspec.Struct):
    """What the worker process returns."""

    outcomes: list[Outcome]
    replaced: list[str] = []


#: Called after an installation, with whether packages changed their version.
Listener = Callable[[bool], None]


class PackageInstaller:
    """Install requirements, each once per process; one installation runs at a time."""

    def __init__(self, settings: Settings) -> None:
        self.directory = get_package_directory(settings)
        self._is_enabled = settings.enable_pip_install_frontmatter_requirements and not settings.offline_mode
        self._pip_options = _split_options(settings.pip_options)
        self._index_options = _split_options(settings.pip_package_index_options)
        self.workers = WorkerPool(
            "fastback.plugins.package_worker", _LIMITS, name="packages of plugins", environment=build_environment()
        )
        self._lock = asyncio.Lock()
        self._outcomes: dict[str, Outcome] = {}
        self._listeners: list[Listener] = []

    def add_listener(self, listener: Listener) -> None:
        """Call `listener` after each installation that changed the directory."""
        self._listeners.append(listener)

    async def install(self, fields: Iterable[str], *, retries_failed: bool = False) -> list[Outcome]:
        """Install what `requirements:` fields of headers ask for; return what happened to each entry.

        With `retries_failed` entries that failed before are tried once more. Nothing is installed where the settings
        forbid it.
        """
        requirements = [parse_requirements(field) for field in fields if field]
        outcomes = [Outcome(entry.text, "skipped", entry.reason) for item in requirements for entry in item.skipped]
        entries = list(dict.fromkeys(entry for item in requirements for entry in item.entries))
        if not self._is_enabled:
            if entries:
                log.info("installing %s skipped: the settings forbid it", ", ".join(entries))
            return outcomes
        if self._list_missing(entries, retries_failed):
            async with self._lock:
                await self._install_missing(entries, retries_failed)
        return outcomes + [self._outcomes[entry] for entry in entries]

    def _list_missing(self, entries: list[str], retries_failed: bool) -> list[str]:
        """Return the entries that were not tried yet, or are tried once more."""
        if any(entry not in self._outcomes for entry in entries):
            self._outcomes = _read_met_outcomes(self.directory) | self._outcomes
        return [
            entry
            for entry in entries
            if entry not in self._outcomes or (retries_failed and self._outcomes[entry].state == "failed")
        ]

    async def _install_missing(self, entries: list[str], retries_failed: bool) -> None:
        missing = self._list_missing(entries, retries_failed)  # another call may have installed them meanwhile
        if not missing:
            return
        log.info("installing packages for plugins: %s", ", ".join(missing))
        report = await self._run_worker(missing)
        for outcome in report.outcomes:
            self._outcomes[outcome.requirement] = outcome
            _log_outcome(outcome)
        await asyncio.to_thread(_store_outcomes, self.directory, self._outcomes)
        if any(outcome.state == "installed" for outcome in report.outcomes):
            for listener in self._listeners:
                listener(bool(report.replaced))

    async def _run_worker(self, entries: list[str]) -> _Report:
        job = {
            "directory": str(self.directory),
            "requirements": entries,
            "pip_options": self._pip_options,
            "index_options": self._index_options,
        }
        try:
            return msgspec.convert(await self.workers.run_job(job), _Report)
        except (WorkerDied, JobErrored, OSError) as error:
            return _Report([Outcome(entry, "failed", f"the installation failed: {error}") for entry in entries])


def get_package_directory(settings: Settings) -> Path:
    """Return the absolute path of the directory; it exists once something has been installed."""
    return settings.data_path / DIRECTORY


def read_outcomes(directory: Path) -> dict[str, Outcome]:
    """Return the stored outcomes by requirement; none where nothing is stored, or other versions stored it."""
    try:
        stored = msgspec.json.decode((directory / OUTCOMES_FILE).read_bytes(), type=_StoredOutcomes)
    except (OSError, msgspec.DecodeError):
        return {}
    return stored.outcomes if stored.environment == _describe_environment() else {}


def _read_met_outcomes(directory: Path) -> dict[str, Outcome]:
    """Return the stored outcomes of requirements whose packages are still there."""
    outcomes = read_outcomes(directory)
    if not outcomes:
        return {}
    existing = {_normalise(path.name.removesuffix(".dist-info")) for path in directory.glob("*.dist-info")}
    return {
        entry: outcome
        for entry, outcome in outcomes.items()
        if outcome.is_met and all(_normalise(package) in existing for package in outcome.packages)
    }


def _normalise(text: str) -> str:
    """Return a name and version in one form, as directories and pip write them differently."""
    return _SEPARATORS.sub("-", text).lower()


def _store_outcomes(directory: Path, outcomes: dict[str, Outcome]) -> None:
    """Write outcomes into the file, beside those that other processes have stored."""
    stored = _StoredOutcomes(_describe_environment(), read_outcomes(directory) | outcomes)
    path = directory / OUTCOMES_FILE
    temporary = path.with_suffix(f".{os.getpid()}")
    try:
        temporary.write_bytes(msgspec.json.format(msgspec.json.encode(stored)))
        temporary.replace(path)
    except OSError as error:
        log.warning("storing the outcome of an installation failed: %s", error)


def _describe_environment() -> str:
    """Return what the stored outcomes hold for: the server's packages change with it."""
    return f"fastback {fastback.__version__}, Python {platform.python_version()} in {os.path.realpath(sys.prefix)}"


def _log_outcome(outcome: Outcome) -> None:
    if outcome.state == "failed":
        log.error("installing the requirement %s failed: %s", outcome.requirement, outcome.note)
    elif outcome.note:
        log.warning("requirement %s: %s", outcome.requirement, outcome.note)
    else:
        log.info("requirement %s: %s", outcome.requirement, outcome.state)


def _split_options(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:  # a quote without its end
        return text.split()
