"""What recording leaves in the repository, and how it is read back.

`recorded/<scenario>.json`: `{about, reference, steps: [{step, status, headers, body | events}]}`; headers that tell
of nothing but JSON are left out.
`reference_db/webui.sql.gz`: a database that the reference wrote, as SQL; `reference_db/credentials.json`: its people.
"""

from __future__ import annotations

import gzip
import json
import sqlite3
from datetime import datetime
from pathlib import Path
from typing import Any

from parity.steps import Scenario

_HERE = Path(__file__).parent
RECORDED = _HERE / "recorded"
DATABASE = _HERE / "reference_db" / "webui.sql.gz"
KNOWN = _HERE / "known_differences.json"
CREDENTIALS = _HERE / "reference_db" / "credentials.json"
UPSTREAM = "http://upstream.invalid"
KEPT = ("ada.id", "ada.token", "ada.key", "bob.id", "bob.token")
_WIDTH = 200
_USUAL = {"content-type": "application/json"}


def write_answers(scenario: Scenario, version: str, answers: list[dict[str, Any]]) -> None:
    """Write a scenario's file anew."""
    short = [{key: one[key] for key in one if (key, one[key]) != ("headers", _USUAL)} for one in answers]
    whole = {"about": scenario.about, "reference": version, "steps": short}
    RECORDED.mkdir(exist_ok=True)
    (RECORDED / f"{scenario.name}.json").write_text(_laid_out(whole) + "\n")


def read_answers(name: str) -> list[dict[str, Any]]:
    """A scenario's recorded answers; empty when it has not been recorded."""
    path = RECORDED / f"{name}.json"
    steps: list[dict[str, Any]] = json.loads(path.read_text())["steps"] if path.exists() else []
    return [{"headers": _USUAL, **one} for one in steps]


def keep_credentials(found: dict[str, Any]) -> None:
    CREDENTIALS.write_text(json.dumps(found, indent=1) + "\n")


def credentials() -> dict[str, Any]:
    """Ids, tokens without an end, and API keys of the people in the stored database."""
    found: dict[str, Any] = json.loads(CREDENTIALS.read_text())
    return found


def known_differences(scenario: str) -> dict[str, list[str]]:
    """Paths that are known to differ, by the place and label of the step."""
    everything: dict[str, dict[str, list[str]]] = json.loads(KNOWN.read_text()) if KNOWN.exists() else {}
    return everything.get(scenario, {})


def keep_database(sql: str, upstream: str) -> None:
    """Keep a database given as SQL; the address of the model server is left open."""
    DATABASE.write_bytes(gzip.compress(sql.replace(upstream, UPSTREAM).encode(), 9, mtime=0))


def restore(path: Path, upstream: str) -> None:
    """Build the stored database at this path, connected to this model server."""
    _opened(str(path), upstream).close()


def _opened(path: str, upstream: str) -> sqlite3.Connection:
    connection = sqlite3.connect(path)
    connection.executescript(gzip.decompress(DATABASE.read_bytes()).decode().replace(UPSTREAM, upstream))
    return connection


async def restore_in_postgres(address: str, upstream: str) -> None:
    """Put the rows of the stored database into one of PostgreSQL that has its tables, in place of what they hold."""
    import asyncpg

    source, target = _opened(":memory:", upstream), await asyncpg.connect(address)
    try:
        # Rows come table by table, not in the order in which they hang on each other.
        await target.execute("SET session_replication_role = replica")
        kinds: dict[str, dict[str, str]] = {}
        for table, column, kind in await target.fetch(_COLUMNS):
            kinds.setdefault(table, {})[column] = kind
        for table, columns in kinds.items():
            if table in _LEFT_ALONE or not source.execute(_HAS_TABLE, [table]).fetchone():
                continue
            await target.execute(f'DELETE FROM "{table}"')
            names = ", ".join(f'"{column}"' for column in columns)
            rows = source.execute(f'SELECT {names} FROM "{table}"').fetchall()
            made = [[_typed(*pair) for pair in zip(row, columns.values(), strict=True)] for row in rows]
            holes = ", ".join(f"${place + 1}" for place in range(len(columns)))
            await target.executemany(f'INSERT INTO "{table}" ({names}) VALUES ({holes})', made)
    finally:
        source.close()
        await target.close()


_LEFT_ALONE = ("alembic_version",)
_HAS_TABLE = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?"
_COLUMNS = """SELECT table_name, column_name, data_type FROM information_schema.columns
    WHERE table_schema = current_schema() ORDER BY table_name, ordinal_position"""


def _typed(value: Any, kind: str) -> Any:
    """A value of SQLite as PostgreSQL's type wants it."""
    if value is None:
        return None
    if kind == "boolean":
        return bool(value)
    if kind.startswith("json"):
        # A column of SQLite keeps a bare number as a number.
        return value if isinstance(value, str) else json.dumps(value)
    return datetime.fromisoformat(value) if kind.startswith("timestamp") else value


def _laid_out(value: Any, indent: int = 0) -> str:
    """JSON with what fits on a line on one line, several short items of a list or object on each."""
    flat = json.dumps(value, ensure_ascii=False)
    if len(flat) + indent <= _WIDTH or not isinstance(value, (dict, list)):
        return flat
    if isinstance(value, dict):
        items = [f"{json.dumps(key, ensure_ascii=False)}: {_laid_out(one, indent + 1)}" for key, one in value.items()]
        opening, closing = "{}"
    else:
        items = [_laid_out(one, indent + 1) for one in value]
        opening, closing = "[]"
    margin = " " * (indent + 1)
    lines: list[str] = []
    for item in items:
        fits = lines and "\n" not in item and "\n" not in lines[-1] and len(lines[-1]) + len(item) + 2 <= _WIDTH
        if fits and indent > 1:
            lines[-1] += f", {item}"
        else:
            lines.append(margin + item)
    return f"{opening}\n" + ",\n".join(lines) + f"\n{' ' * indent}{closing}"
