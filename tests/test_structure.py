"""The layers of the packages: a package imports only from lower layers, and each package belongs to a layer."""

from __future__ import annotations

import configparser
import graphlib
import re
import subprocess
import sys
from pathlib import Path

import grimp

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "fastback"
#: Packages and modules without a layer: the demo has import contracts of its own; the others hold the name and version,
#: the messages to clients and the entry point.
_OUTSIDE_LAYERS = {"demo", "messages", "__init__", "__main__"}


def _read_layers() -> set[str]:
    config = configparser.ConfigParser()
    config.read(ROOT / ".importlinter", encoding="utf-8")
    names = config["importlinter:contract:rooms"]["layers"].replace(":", " ").split()
    return {name.removeprefix("fastback.") for name in names}


def test_packages_import_only_lower_layers() -> None:
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as run; run()", "--no-cache"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=100)
    assert result.returncode == 0, result.stdout + result.stderr
    assert " 0 broken" in result.stdout


def test_no_modules_import_each_other_in_a_circle() -> None:
    graph = grimp.build_graph("fastback", cache_dir=None)
    imports = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    graphlib.TopologicalSorter(imports).prepare()  # raises CycleError, which names the modules of a circle


def test_every_package_belongs_to_a_layer() -> None:
    packages = {path.parent.name for path in PACKAGE.glob("*/__init__.py")} | {
        path.stem for path in PACKAGE.glob("*.py")
    }
    assert packages - _OUTSIDE_LAYERS == _read_layers()


def test_only_the_kit_imports_database_drivers() -> None:
    importing_files = {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        if any(
            line.strip().startswith((f"import {driver}", f"from {driver}"))
            for line in path.open()
            for driver in ("apsw", "asyncpg")
        )
    }
    names = (
        "derived_tables/sqlite_connection",
        "derived_tables/sqlite_worker",
        "large_column",
        "page_caches",
        "postgres",
        "postgres_connector",
        "postgres_errors",
        "postgres_pool",
        "side_file",
        "sqlite",
        "sqlite_connection",
        "sqlite_copy",
        "table_copy/sqlite_reader",
        "table_copy/sqlite_writer",
    )
    assert importing_files == {f"kit/db/{name}.py" for name in names}


def test_stores_write_json_that_both_databases_can_read() -> None:
    """A store encodes JSON columns by `encode_json`, which removes NUL characters."""
    stores = [path for path in PACKAGE.rglob("*store.py") if path.stem == "store" or path.stem.endswith("_store")]
    stores = [path for path in stores if "db" not in path.parts and "retrieval" not in path.parts]
    assert len(stores) > 50
    encoding = [
        str(path.relative_to(PACKAGE))
        for path in stores
        if re.search(r"json\.encode\([^\n]*\.decode\(\)", path.read_text())
    ]
    assert encoding == []


def test_the_server_starts_processes_in_one_way() -> None:
    """uvloop's own function forks the server, which holds its event loop."""
    calling_files = {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        if re.search(r"create_subprocess_|subprocess_exec\(|os\.fork\(|posix_spawn", path.read_text())
    }
    assert calling_files == {"kit/processes/child_process.py", "kit/processes/spawning.py"}


def test_handlers_that_read_a_body_again_keep_it() -> None:
    """The parts of a large body of an operation that takes content are dropped once they are decoded."""
    readers = {
        path.relative_to(PACKAGE).as_posix(): "@keep_body" in path.read_text()
        for path in PACKAGE.rglob("*.py")
        if "request.body()" in path.read_text() and path.parts[-2:-1] != ("http",)
    }
    assert readers == {
        "completions/doors/ollama_chat_routes.py": True,
        "completions/doors/openai_routes.py": True,
        # These take no content, so their bodies are small.
        "features/connections/management_routes.py": False,
        "features/scim/request_values.py": False,
    }
