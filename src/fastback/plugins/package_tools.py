"""pip and uv: resolve requirements, and install packages into an empty directory."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from packaging.utils import canonicalize_name

from fastback.kit.package_download import summarize_pip_failure
from fastback.plugins.installed_packages import list_versions

#: Run pip with a directory behind the server's packages, where it finds what is installed there.
_PIP = "import runpy, sys; sys.path.append(sys.argv.pop(1)); runpy.run_module('pip', run_name='__main__')"
#: A package in the output of `uv pip install --dry-run`: its name and version, or its name and address.
_UV_PACKAGE = re.compile(r"^ \+ (\S+)==(\S+)", re.MULTILINE)
_UV_ADDRESS = re.compile(r"^ \+ \S+ (?:@|\(from) ", re.MULTILINE)
#: Options of pip that mean the same to uv.
_COMMON_OPTIONS = ("--no-index", "--find-links", "--index-url", "--extra-index-url", "-i", "-f")
#: Where pip's configuration may name an index, which uv would not know.
_PIP_FILES = ("/etc/pip.conf", "/etc/xdg/pip/pip.conf", "~/.config/pip/pip.conf", "~/.pip/pip.conf")


class PackageToolFailure(Exception):
    """pip or uv failed; the text is one line with the reason."""


class PackageTool(Protocol):
    """A program that installs packages."""

    def resolve(self, requirements: Sequence[str], installed: Mapping[str, str], work: Path) -> dict[str, str]:
        """Return the packages that are not installed yet: how the program names each, by `name version`.

        `installed` are the server's versions by name, which the packages have to accept. `work` is an empty directory.

        Raises:
            PackageToolFailure: there is no solution.
        """

    def install(self, packages: Sequence[str], target: Path) -> None:
        """Install packages, without what they depend on, into a new directory.

        Raises:
            PackageToolFailure: one cannot be downloaded or built.
        """


def choose_tool(directory: Path, options: Sequence[str], index_options: Sequence[str]) -> PackageTool:
    """Return uv where it is there and knows the package index as well as pip does, otherwise pip."""
    uv = shutil.which("uv")
    if uv and not options and _are_common(index_options) and not _is_pip_configured():
        return Uv(uv, directory, index_options)
    return Pip(directory, options, index_options)


def _are_common(options: Sequence[str]) -> bool:
    return all(option.partition("=")[0] in _COMMON_OPTIONS for option in options if option.startswith("-"))


def _is_pip_configured() -> bool:
    """Return whether variables or files tell pip what uv does not know."""
    files = (*_PIP_FILES, os.path.join(sys.prefix, "pip.conf"))
    return any(name.startswith("PIP_") for name in os.environ) or any(
        map(os.path.exists, map(os.path.expanduser, files))
    )


class Pip:
    """pip, as it is installed beside this Python. It finds the packages in `directory`, too."""

    def __init__(self, directory: Path, options: Sequence[str], index_options: Sequence[str]) -> None:
        self._directory = directory
        self._options = options
        self._index_options = index_options

    def resolve(self, requirements: Sequence[str], installed: Mapping[str, str], work: Path) -> dict[str, str]:
        report = work / "report.json"
        constraints = _write_pins(work / "constraints.txt", installed)
        arguments = ("--dry-run", "--report", str(report), "--constraint", str(constraints), *requirements)
        self._run(self._directory, *arguments)
        packages: dict[str, str] = {}
        for item in json.loads(report.read_text())["install"]:
            name, version = item["metadata"]["name"], item["metadata"]["version"]
            address = f"{name} @ {_get_address(item['download_info'])}" if item["is_direct"] else ""
            packages[f"{name} {version}"] = address or f"{name}=={version}"
        return packages

    def install(self, packages: Sequence[str], target: Path) -> None:
        self._run(target, "--no-deps", "--target", str(target), *packages)

    def _run(self, directory: Path, *arguments: str) -> None:
        # The author waits: an index that cannot be reached is given up soon.
        options = ("--disable-pip-version-check", "--no-input", "--quiet", "--retries", "2", *self._options)
        _run((sys.executable, "-c", _PIP, str(directory), "install", *options, *arguments, *self._index_options))


class Uv:
    """uv. What it cannot do, pip is asked for, whose reasons fit into a line."""

    def __init__(self, program: str, directory: Path, index_options: Sequence[str]) -> None:
        self._program = program
        self._directory = directory
        self._index_options = index_options
        self._pip = Pip(directory, (), index_options)

    def resolve(self, requirements: Sequence[str], installed: Mapping[str, str], work: Path) -> dict[str, str]:
        current = list_versions(self._directory)
        # It does not look into the directory, so the versions there are tried first.
        for versions in (current | dict(installed), installed):
            constraints = _write_pins(work / "constraints.txt", versions)
            with suppress(PackageToolFailure):
                output = self._run("--dry-run", "--constraint", str(constraints), *requirements)
                if _UV_ADDRESS.search(output):  # it does not say which version is there
                    break
                return {
                    f"{name} {version}": f"{name}=={version}"
                    for name, version in _UV_PACKAGE.findall(output)
                    if current.get(canonicalize_name(name)) != version
                }
        return self._pip.resolve(requirements, installed, work)

    def install(self, packages: Sequence[str], target: Path) -> None:
        try:
            self._run("--no-deps", "--target", str(target), *packages)
        except PackageToolFailure:
            shutil.rmtree(target, ignore_errors=True)
            self._pip.install(packages, target)

    def _run(self, *arguments: str) -> str:
        options = ("--color", "never", "--no-progress", "--python", sys.executable)
        return _run((self._program, "pip", "install", *options, *arguments, *self._index_options))


def _run(command: Sequence[str]) -> str:
    """Run a program and return what it says on standard error."""
    completed = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False)
    output = completed.stderr.decode(errors="replace")
    if completed.returncode != 0:
        raise PackageToolFailure(summarize_pip_failure(output))
    return output


def _write_pins(path: Path, versions: Mapping[str, str]) -> Path:
    path.write_text("".join(f"{name}=={version}\n" for name, version in versions.items()))
    return path


def _get_address(download: dict[str, Any]) -> str:
    """Return the address of a package that no index offers, with the commit of a repository."""
    vcs = download.get("vcs_info")
    return f"{vcs['vcs']}+{download['url']}@{vcs['commit_id']}" if vcs else str(download["url"])
