"""The house keeps its plan: rooms import downwards only, and every room has a place in the plan."""

from __future__ import annotations

import configparser
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "fastback"
#: What stands in no layer: the demo has contracts of its own; the rest is a name, texts and a door.
_APART = {"demo", "messages", "__init__", "__main__"}


def _layers() -> set[str]:
    plan = configparser.ConfigParser()
    plan.read(ROOT / ".importlinter", encoding="utf-8")
    names = plan["importlinter:contract:rooms"]["layers"].replace(":", " ").split()
    return {name.removeprefix("fastback.") for name in names}


def test_rooms_import_only_what_stands_below_them() -> None:
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as run; run()", "--no-cache"]
    checked = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=100)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert " 0 broken" in checked.stdout


def test_every_room_has_its_place() -> None:
    rooms = {path.parent.name for path in PACKAGE.glob("*/__init__.py")} | {path.stem for path in PACKAGE.glob("*.py")}
    assert rooms - _APART == _layers()


def test_only_the_kit_knows_the_drivers_of_databases() -> None:
    knowing = {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        if any(
            line.strip().startswith((f"import {d}", f"from {d}")) for line in path.open() for d in ("apsw", "asyncpg")
        )
    }
    names = ("postgres", "side_file", "sqlite", "sqlite_connection", "sqlite_copy")
    assert knowing == {f"kit/db/{name}.py" for name in names}
