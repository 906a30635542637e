"""The installation script of `make serve`: what it says where it cannot work. Nothing is downloaded here."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Return a directory with what `make serve` reads."""
    (tmp_path / "deploy").mkdir()
    for name in ("Makefile", "requirements.lock", "pyproject.toml", "deploy/install.py"):
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def run_make(checkout: Path, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["make", *arguments],
        cwd=checkout,
        env={"PATH": os.environ["PATH"], "HOME": str(checkout), **env},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def create_python(checkout: Path, program: str) -> str:
    """Create an executable that runs a Python program with its arguments, and return its path."""
    path = checkout / "python"
    path.write_text(f"#!{sys.executable}\n{program}")
    path.chmod(0o755)
    return str(path)


def create_environment(checkout: Path, pip_output: str) -> None:
    """Create a virtual environment whose pip fails with an output."""
    program = f"import sys\nif '-c' not in sys.argv: sys.exit({pip_output!r})"
    (checkout / ".venv" / "bin").mkdir(parents=True)
    Path(create_python(checkout / ".venv" / "bin", program)).touch()
    (checkout / ".venv" / ".made").touch()


def test_an_old_python_is_named(checkout: Path) -> None:
    program = (
        "import runpy, sys\nsys.version_info = type('V', (tuple,), {})((3, 9, 2))\n"
        "sys.argv = sys.argv[1:]\nrunpy.run_path(sys.argv[0], run_name='__main__')"
    )
    result = run_make(checkout, "serve", f"PYTHON={create_python(checkout, program)}")
    assert result.returncode == 2
    assert "Python 3.11 or newer is needed" in result.stderr and "is 3.9" in result.stderr
    assert "make serve PYTHON=python3.12" in result.stderr and "Traceback" not in result.stderr


def test_a_missing_venv_package_is_named(checkout: Path) -> None:
    program = (
        "import runpy, sys\nif 'venv' in sys.argv: sys.exit('ensurepip is not available')\n"
        "sys.argv, sys.executable = sys.argv[1:], sys.argv[0]\nrunpy.run_path(sys.argv[0], run_name='__main__')"
    )
    result = run_make(checkout, "serve", f"PYTHON={create_python(checkout, program)}")
    assert result.returncode == 2
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    assert f"apt install python{version}-venv" in result.stderr and "Traceback" not in result.stderr
    assert not (checkout / ".venv").exists()


@pytest.mark.parametrize(
    ("pip_output", "text"),
    [
        ("WARNING: Retrying after connection broken by 'NewConnectionError'", "the package index cannot be reached"),
        ("OSError: [Errno 28] No space left on device", "the disk is full"),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES", "THESE PACKAGES DO NOT MATCH THE HASHES"),
    ],
)
def test_a_failure_of_pip_is_explained(checkout: Path, pip_output: str, text: str) -> None:
    create_environment(checkout, pip_output)
    result = run_make(checkout, "serve", f"PYTHON={sys.executable}")
    assert result.returncode == 2
    assert "Installing 90 packages" in result.stderr.splitlines()[0]
    assert text in result.stderr and "Traceback" not in result.stderr
    assert not (checkout / ".venv" / ".runtime").exists()


def test_a_second_installation_waits_for_the_first(checkout: Path) -> None:
    with open(checkout / ".venv.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        process = subprocess.Popen(
            [sys.executable, "deploy/install.py"], cwd=checkout, stderr=subprocess.PIPE, text=True
        )
        assert process.stderr is not None
        assert process.stderr.readline() == "Waiting for another installation in this directory\n"
        create_environment(checkout, "pip is not needed")
        time.sleep(0.02)
        (checkout / ".venv" / ".runtime").touch()
    assert process.communicate(timeout=20)[1] == ""
    assert process.returncode == 0


def test_bytecode_is_written_where_the_environment_forbids_it(checkout: Path) -> None:
    create_environment(checkout, "")
    record = checkout / "compilations"
    program = (
        "import os, sys\n"
        "if '-OO' in sys.argv or 'compileall' in sys.argv:\n"
        f"    open({str(record)!r}, 'a').write(os.environ.get('PYTHONDONTWRITEBYTECODE', 'allowed') + ' ')\n"
    )
    create_python(checkout / ".venv" / "bin", program)
    subprocess.run(
        [sys.executable, "deploy/install.py"],
        cwd=checkout,
        env={"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"},
        check=True,
    )
    assert record.read_text().split() == ["allowed", "allowed"]


def test_the_number_of_packages_is_that_of_the_lock_file() -> None:
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    count = sum(not line.startswith((" ", "#")) and "==" in line for line in lines)
    assert f'"{count} packages: ' in (ROOT / "deploy" / "install.py").read_text()


@pytest.mark.parametrize(("arguments", "port"), [(("serve", "PORT=9001"), "9001"), (("serve",), "9002")])
def test_make_passes_the_port_of_the_command_line_and_of_the_environment(
    checkout: Path, arguments: tuple[str, ...], port: str
) -> None:
    (checkout / ".venv" / "bin").mkdir(parents=True)
    (checkout / ".venv" / ".runtime").touch()
    for name in ("fastback", "python"):
        program = checkout / ".venv" / "bin" / name
        program.write_text('#!/bin/sh\n[ "$1" = frontend ] || echo "$PORT|$@"\n')
        program.chmod(0o755)
    assert run_make(checkout, *arguments, PORT="9002").stdout == f"{port}|-OO -m fastback serve\n"
