"""The code's language: names say what they hold or do, prose is plain English.

A room is a folder of `src/fastback` or of its features. The words below once made the code hard to read; a name that is
not on the list is not thereby a good one.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "fastback"

#: Rooms and pages that do not hold the rules yet.
NOT_YET: frozenset[str] = frozenset()

#: Names of variables, parameters and modules that do not say what they hold.
VAGUE = frozenset(
    """one found known place made given kept told said wanted asked most left shown held taken gone chosen meant lasts
    another whole""".split()  # noqa: SIM905 (a list would take a line for each word)
)
#: Participles and adjectives that do not say what a function does.
BARE = frozenset(
    """found told said made kept shown held whole one everything again given asked known placed meant opened marked
    named listed stored counted those brief mine usable need tell""".split()  # noqa: SIM905
)
#: Phrases that hide who does what.
RIDDLES = (
    *("whoever", "whom", "is none", "are none", "of those", "stands", "is told", "are told", "anew", "lies"),
    *("for good", "as far as", "makes no sense", "passed over", "somebody", "nobody"),
)
_RIDDLE = re.compile(rf"\b({'|'.join(RIDDLES)})\b")
_LOG_METHODS = frozenset({"debug", "info", "warning", "error", "exception", "critical"})


def _list_rooms() -> list[Path]:
    rooms = [path for path in sorted(PACKAGE.iterdir()) if path.suffix == ".py" or (path / "__init__.py").is_file()]
    features = [path for path in sorted((PACKAGE / "features").iterdir()) if (path / "__init__.py").is_file()]
    return [*(room for room in rooms if room.name != "features"), *features]


def _list_files(room: Path) -> list[Path]:
    return [room] if room.suffix == ".py" else sorted(room.rglob("*.py"))


def _name_room(room: Path) -> str:
    return room.relative_to(PACKAGE).as_posix()


ROOMS = [pytest.param(room, id=_name_room(room)) for room in _list_rooms() if _name_room(room) not in NOT_YET]
PAGES = ["README.md", "CHANGELOG.md", *(f"docs/{page.name}" for page in sorted(ROOT.glob("docs/*.md")))]


def _iterate_prose(text: str) -> Iterator[tuple[int, str]]:
    """Yield docstrings, comment lines and the texts of log lines, with their line numbers."""
    for number, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith("#"):
            yield number, line.split("#", 1)[1]
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Module):
            yield getattr(node, "lineno", 1), ast.get_docstring(node) or ""
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _LOG_METHODS:
            for argument in node.args[:1]:
                if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                    yield node.lineno, argument.value


def _iterate_names(text: str) -> Iterator[tuple[int, str]]:
    """Yield the names of variables and parameters, with their line numbers."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.id
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg


def _iterate_functions(text: str) -> Iterator[tuple[int, str]]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.lineno, node.name


@pytest.mark.parametrize("room", ROOMS)
def test_names_of_variables_say_what_they_hold(room: Path) -> None:
    vague = [
        f"{path.relative_to(ROOT)}:{line} {name}"
        for path in _list_files(room)
        for line, name in _iterate_names(path.read_text(encoding="utf-8"))
        if name.strip("_") in VAGUE
    ]
    assert vague == []


@pytest.mark.parametrize("room", ROOMS)
def test_names_of_functions_say_what_they_do(room: Path) -> None:
    bare = [
        f"{path.relative_to(ROOT)}:{line} {name}"
        for path in _list_files(room)
        for line, name in _iterate_functions(path.read_text(encoding="utf-8"))
        if name.strip("_") in BARE
    ]
    assert bare == []


@pytest.mark.parametrize("room", ROOMS)
def test_names_of_modules_say_their_subject(room: Path) -> None:
    assert [path for path in _list_files(room) if path.stem.strip("_") in VAGUE | BARE] == []


@pytest.mark.parametrize("room", ROOMS)
def test_prose_is_plain(room: Path) -> None:
    riddles = [
        f"{path.relative_to(ROOT)}:{line} {riddle}"
        for path in _list_files(room)
        for line, prose in _iterate_prose(path.read_text(encoding="utf-8"))
        for riddle in _RIDDLE.findall(prose)
    ]
    assert riddles == []


@pytest.mark.parametrize("page", [page for page in PAGES if page not in NOT_YET])
def test_pages_are_plain(page: str) -> None:
    lines = (ROOT / page).read_text(encoding="utf-8").splitlines()
    riddles = [f"{number} {riddle}" for number, line in enumerate(lines, 1) for riddle in _RIDDLE.findall(line)]
    assert riddles == []


def test_functions_are_named_by_verb_and_object() -> None:
    """Two thirds of all names have several words; a single word is for well-known shapes (`close`, `read`)."""
    names = [
        name
        for path in sorted(PACKAGE.rglob("*.py"))
        for _, name in _iterate_functions(path.read_text(encoding="utf-8"))
        if not name.startswith("__")
    ]
    short = [name for name in names if "_" not in name.strip("_")]
    assert len(short) <= 0.35 * len(names)


def test_files_are_short() -> None:
    """A file of more than 500 lines holds more than one subject."""
    files = [path for folder in ("src", "tests", "bench") for path in sorted((ROOT / folder).rglob("*.py"))]
    assert [path for path in files if path.read_text(encoding="utf-8").count("\n") > 500] == []
