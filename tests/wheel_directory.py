"""Build wheels of a few lines each, so that tests install packages without any index."""

from __future__ import annotations

import zipfile
from pathlib import Path


def build_wheel(
    directory: Path, name: str, version: str, files: dict[str, str], *, requires: tuple[str, ...] = ()
) -> None:
    """Write a wheel with these files (their texts by path) into a directory."""
    directory.mkdir(parents=True, exist_ok=True)
    stem = f"{name.replace('-', '_')}-{version}"
    info = f"{stem}.dist-info"
    requirements = "".join(f"Requires-Dist: {requirement}\n" for requirement in requires)
    content = {
        **files,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{requirements}",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{path},,\n" for path in [*content, f"{info}/RECORD"])
    with zipfile.ZipFile(directory / f"{stem}-py3-none-any.whl", "w") as wheel:
        for path, text in {**content, f"{info}/RECORD": record}.items():
            wheel.writestr(path, text)


def get_index_options(directory: Path) -> str:
    """Return the options with which pip takes packages from the directory only."""
    return f"--no-index --find-links {directory}"
