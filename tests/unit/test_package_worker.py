"""The directory of packages for plugins: what is installed into it, and what is not."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import msgspec
import pytest

from fastback.plugins.package_worker import handle
from wheel_directory import build_wheel, get_index_options


@pytest.fixture(autouse=True, params=["pip", "uv"])
def tool(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run each test with pip, and with uv where it is installed."""
    is_uv = request.param == "uv"
    if is_uv and not shutil.which("uv"):
        pytest.skip("uv is not installed")
    monkeypatch.setattr("fastback.plugins.package_tools._is_pip_configured", lambda: not is_uv)


@pytest.fixture
def wheels(tmp_path: Path) -> Path:
    directory = tmp_path / "wheels"
    for version in ("1.0", "2.0"):
        files = {"shared/greeter.py": f"VERSION = {version!r}", f"shared/only_in_{version[0]}.py": ""}
        build_wheel(directory, "fb-greeter", version, files, requires=("fb-words", "msgspec"))
    build_wheel(directory, "fb-words", "1.0", {"shared/words.py": "HELLO = 'Hello'"})
    build_wheel(directory, "fb-strict", "1.0", {"strict.py": ""}, requires=("msgspec<0.1",))
    return directory


def install(wheels: Path, *requirements: str) -> Any:
    return handle(
        {
            "directory": str(wheels.parent / "packages"),
            "requirements": list(requirements),
            "pip_options": [],
            "index_options": get_index_options(wheels).split(),
        }
    )


def list_files(wheels: Path) -> set[str]:
    packages = wheels.parent / "packages"
    return {str(path.relative_to(packages)) for path in packages.rglob("*.py")}


def test_a_package_comes_with_what_it_needs_except_what_the_server_has(wheels: Path) -> None:
    report = install(wheels, "fb-greeter==1.0")
    (outcome,) = report["outcomes"]
    assert outcome["state"] == "installed" and sorted(outcome["packages"]) == ["fb-greeter 1.0", "fb-words 1.0"]
    assert list_files(wheels) == {"shared/greeter.py", "shared/only_in_1.py", "shared/words.py"}
    (again,) = install(wheels, "fb-greeter")["outcomes"]
    assert again["state"] == "present" and again["packages"] == []


def test_a_package_may_have_an_address(wheels: Path) -> None:
    path = wheels / "fb_words-1.0-py3-none-any.whl"
    (outcome,) = install(wheels, f"fb-words @ file://{path}")["outcomes"]
    assert outcome["packages"] == ["fb-words 1.0"] and list_files(wheels) == {"shared/words.py"}
    (outcome,) = install(wheels, str(path))["outcomes"]
    assert outcome["state"] in ("installed", "present") and list_files(wheels) == {"shared/words.py"}


def test_another_version_takes_the_place_of_the_first_and_leaves_the_neighbours(wheels: Path) -> None:
    install(wheels, "fb-greeter==1.0")
    report = install(wheels, "fb-greeter>=2")
    assert report["replaced"] == ["fb-greeter"]
    assert list_files(wheels) == {"shared/greeter.py", "shared/only_in_2.py", "shared/words.py"}
    assert len(list((wheels.parent / "packages").glob("fb_greeter-*.dist-info"))) == 1


def test_one_that_cannot_be_installed_does_not_stop_the_others(wheels: Path) -> None:
    outcomes = {item["requirement"]: item for item in install(wheels, "fb-none", "fb-words", "fb-strict")["outcomes"]}
    assert [outcomes[name]["state"] for name in ("fb-none", "fb-words", "fb-strict")] == [
        "failed",
        "installed",
        "failed",
    ]
    assert "fb-none" in outcomes["fb-none"]["note"]
    assert list_files(wheels) == {"shared/words.py"}


def test_packages_of_the_server_keep_their_versions(wheels: Path) -> None:
    (outcome,) = install(wheels, "MsgSpec==0.1")["outcomes"]
    assert outcome["state"] == "present"
    assert outcome["note"] == f"the server has version {msgspec.__version__}, which is used"
    assert list_files(wheels) == set()


def test_entries_for_other_systems_and_invalid_ones_are_skipped(wheels: Path) -> None:
    outcomes = install(wheels, "fb-words; python_version < '3'", "fb-words==one two")["outcomes"]
    assert [outcome["state"] for outcome in outcomes] == ["skipped", "skipped"]


def test_a_directory_that_cannot_be_written_is_named(wheels: Path) -> None:
    (wheels.parent / "packages").write_text("a file")
    (outcome,) = install(wheels, "fb-words")["outcomes"]
    assert outcome["state"] == "failed" and "cannot be written" in outcome["note"]
