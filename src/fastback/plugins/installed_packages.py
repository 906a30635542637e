"""The packages that are installed beside the server, or in a directory."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

from packaging.utils import canonicalize_name


def list_versions(directory: Path | None = None) -> dict[str, str]:
    """Return the version of each package by its normalised name, of the server without a directory.

    Where a package is there twice, the first on the path counts.
    """
    packages = metadata.distributions() if directory is None else metadata.distributions(path=[str(directory)])
    versions: dict[str, str] = {}
    for package in packages:
        if package.name and package.version:
            versions.setdefault(canonicalize_name(package.name), package.version)
    versions.pop("fastback", None)
    return versions
