"""The worker process of `PackageInstaller`: install requirements into the directory of plugins, and end.

Packages of the server keep their versions: they constrain the resolution, and are not installed a second time. What is
missing goes into a new directory first, whose packages then replace those of other versions.

A job is `{"directory", "requirements", "pip_options", "index_options"}`; the result is an `InstallationReport`.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import metadata
from pathlib import Path
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from fastback.kit.package_download import NO_CONNECTION
from fastback.plugins.installed_packages import list_versions
from fastback.plugins.package_tools import PackageTool, PackageToolFailure, choose_tool

Json = dict[str, Any]

_WORK_PREFIX = ".installing-"


class PackageDirectory:
    """The directory into which packages of plugins are installed."""

    def __init__(self, path: Path, tool: PackageTool) -> None:
        self.path = path
        self._tool = tool
        #: Versions of the server's packages by name.
        self.server_versions = list_versions()
        #: Names of packages that were installed in another version before.
        self.replaced: list[str] = []

    def install(self, requirements: list[str]) -> list[str]:
        """Install requirements with what they depend on; return the packages as `name version`.

        Raises:
            PackageToolFailure: they cannot be resolved or installed; nothing has changed then.
        """
        with tempfile.TemporaryDirectory(dir=self.path, prefix=_WORK_PREFIX, ignore_cleanup_errors=True) as name:
            work = Path(name)
            packages = self._tool.resolve(requirements, self.server_versions, work)
            if packages:
                target = work / "packages"
                self._tool.install(list(packages.values()), target)
                self._take_over(target)
            return list(packages)

    def _take_over(self, source: Path) -> None:
        """Move the packages of a directory here, in place of other versions."""
        current = {canonicalize_name(item.name): item for item in metadata.distributions(path=[str(self.path)])}
        for package in metadata.distributions(path=[str(source)]):
            name = canonicalize_name(package.name)
            if name in current:
                if current[name].version != package.version:
                    self.replaced.append(name)
                self._remove(current[name])
        _merge_directories(source, self.path)

    def _remove(self, package: metadata.Distribution) -> None:
        """Remove the files of a package; those of other packages in the same directories stay."""
        for file in package.files or ():
            path = Path(os.path.normpath(str(file.locate())))
            if not path.is_relative_to(self.path):
                continue
            path.unlink(missing_ok=True)
            for directory in path.relative_to(self.path).parents[:-1]:
                with suppress(OSError):  # other packages have files in it, or it is gone
                    (self.path / directory).rmdir()


def _merge_directories(source: Path, target: Path) -> None:
    """Move the files below a directory to the same places below another, and replace those that exist."""
    for directory, _, names in os.walk(source):
        destination = target / os.path.relpath(directory, source)
        destination.mkdir(parents=True, exist_ok=True)
        for name in names:
            os.replace(os.path.join(directory, name), destination / name)


class Installation:
    """One run of the worker: it decides for each requirement, and installs the rest together."""

    def __init__(self, directory: PackageDirectory) -> None:
        self._directory = directory
        self._outcomes: dict[str, Json] = {}

    def run(self, requirements: list[str]) -> list[Json]:
        """Return the outcome of each requirement: `{"requirement", "state", "note", "packages"}`."""
        missing = {text: request for text in requirements if (request := self._check(text)) is not None}
        if missing:
            self._install(missing)
        return [self._outcomes[text] for text in requirements]

    def _report(self, text: str, state: str, note: str = "", packages: list[str] | None = None) -> None:
        self._outcomes[text] = {"requirement": text, "state": state, "note": note, "packages": packages or []}

    def _check(self, text: str) -> str | None:
        """Return what pip is to install for a requirement; None where nothing is left to do."""
        try:
            requirement = Requirement(text)
        except InvalidRequirement as error:
            if "://" in text or text.startswith("/"):
                return text
            self._report(text, "skipped", f"is invalid: {str(error).splitlines()[0]}")
            return None
        if requirement.marker is not None and not requirement.marker.evaluate():
            self._report(text, "skipped", "is not for this system")
            return None
        version = self._directory.server_versions.get(canonicalize_name(requirement.name))
        if version is None:
            return text
        if requirement.extras:
            return f"{requirement.name}[{','.join(sorted(requirement.extras))}]"
        is_accepted = requirement.specifier.contains(version, prereleases=True)
        self._report(text, "present", "" if is_accepted else f"the server has version {version}, which is used")
        return None

    def _install(self, missing: dict[str, str]) -> None:
        """Install requirements together; where that fails, one by one, so that one does not stop the others."""
        try:
            packages = self._directory.install(list(missing.values()))
        except PackageToolFailure as failure:
            if len(missing) == 1 or NO_CONNECTION in str(failure):
                for text in missing:
                    self._report(text, "failed", str(failure))
                return
            for text, request in missing.items():
                self._install({text: request})
            return
        for text in missing:
            self._report(text, "installed" if packages else "present", packages=packages)


@contextmanager
def _lock(directory: Path) -> Iterator[None]:
    """Let one process at a time change the directory; remove what killed processes left there."""
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / ".lock").open("w") as file:
        try:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX)
        except ImportError:  # no such locks on this system
            pass
        for leftover in directory.glob(_WORK_PREFIX + "*"):
            shutil.rmtree(leftover, ignore_errors=True)
        yield


def handle(job: Json) -> Json:
    """Install the requirements of a job; return the outcomes, and the packages that changed their version."""
    path = Path(job["directory"])
    try:
        with _lock(path):
            directory = PackageDirectory(path, choose_tool(path, job["pip_options"], job["index_options"]))
            outcomes = Installation(directory).run(job["requirements"])
            return {"outcomes": outcomes, "replaced": directory.replaced}
    except OSError as error:
        reason = f"{path} cannot be written: {error.strerror or error}"
        failed = {"state": "failed", "note": reason, "packages": []}
        return {"outcomes": [{"requirement": text, **failed} for text in job["requirements"]], "replaced": []}
