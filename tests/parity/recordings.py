"""Write and read the recordings in the repository.

`recorded/<scenario>.json`: `{about, reference, steps: [{step, status, headers, body | events}]}`; headers that only
announce JSON are left out.
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
KNOWN_DIFFERENCES = _HERE / "known_differences.json"
CREDENTIALS = _HERE / "reference_db" / "credentials.json"
UPSTREAM = "http://upstream.invalid"
SAVED_VALUES = ("ada.id", "ada.token", "ada.key", "bob.id", "bob.token")
_WIDTH = 200
_USUAL_HEADERS = {"content-type": "application/json"}


def write_answers(scenario: Scenario, version: str, answers: list[dict[str, Any]]) -> None:
    """Write or replace a scenario's file."""
    steps = [
        {key: answer[key] for key in answer if (key, answer[key]) != ("headers", _USUAL_HEADERS)} for answer in answers
    ]
    recording = {"about": scenario.about, "reference": version, "steps": steps}
    RECORDED.mkdir(exist_ok=True)
    (RECORDED / f"{scenario.name}.json").write_text(_format_json(recording) + "\n")


def read_answers(name: str) -> list[dict[str, Any]]:
    """Return a scenario's recorded answers; an empty list if it is not recorded."""
    path = RECORDED / f"{name}.json"
    steps: list[dict[str, Any]] = json.loads(path.read_text())["steps"] if path.exists() else []
    return [{"headers": _USUAL_HEADERS, **step} for step in steps]


def save_credentials(credentials: dict[str, Any]) -> None:
    CREDENTIALS.write_text(json.dumps(credentials, indent=1) + "\n")


def read_credentials() -> dict[str, Any]:
    """Return ids, tokens that do not expire, and API keys of the users in the stored database."""
    credentials: dict[str, Any] = json.loads(CREDENTIALS.read_text())
    return credentials


def read_known_differences(scenario: str) -> dict[str, list[str]]:
    """Return the paths of known differences, by the index and label of the step."""
    by_scenario: dict[str, dict[str, list[str]]] = (
        json.loads(KNOWN_DIFFERENCES.read_text()) if KNOWN_DIFFERENCES.exists() else {}
    )
    return by_scenario.get(scenario, {})


def save_database(sql: str, upstream: str) -> None:
    """Save a database given as SQL, with a placeholder for the address of the model server."""
    DATABASE.write_bytes(gzip.compress(sql.replace(upstream, UPSTREAM).encode(), 9, mtime=0))


def restore_database(path: Path, upstream: str) -> None:
    """Create the stored database at this path, with the address of this model server."""
    _open_copy(str(path), upstream).close()


def _open_copy(path: str, upstream: str) -> sqlite3.Connection:
    connection = sqlite3.connect(path)
    connection.executescript(gzip.decompress(DATABASE.read_bytes()).decode().replace(UPSTREAM, upstream))
    return connection


async def restore_in_postgres(address: str, upstream: str) -> None:
    """Replace the rows of a PostgreSQL database that has the same tables with those of the stored database."""
    import asyncpg

    source, target = _open_copy(":memory:", upstream), await asyncpg.connect(address)
    try:
        # Rows come table by table, not in the order of their foreign keys.
        await target.execute("SET session_replication_role = replica")
        types: dict[str, dict[str, str]] = {}
        for table, column, data_type in await target.fetch(_COLUMNS):
            types.setdefault(table, {})[column] = data_type
        for table, columns in types.items():
            if table in _LEFT_ALONE or not source.execute(_HAS_TABLE, [table]).fetchone():
                continue
            await target.execute(f'DELETE FROM "{table}"')
            names = ", ".join(f'"{column}"' for column in columns)
            rows = source.execute(f'SELECT {names} FROM "{table}"').fetchall()
            converted = [[_convert_value(*pair) for pair in zip(row, columns.values(), strict=True)] for row in rows]
            placeholders = ", ".join(f"${number}" for number in range(1, len(columns) + 1))
            await target.executemany(f'INSERT INTO "{table}" ({names}) VALUES ({placeholders})', converted)
    finally:
        source.close()
        await target.close()


_LEFT_ALONE = ("alembic_version",)
_HAS_TABLE = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?"
_COLUMNS = """SELECT table_name, column_name, data_type FROM information_schema.columns
    WHERE table_schema = current_schema() ORDER BY table_name, ordinal_position"""


def _convert_value(value: Any, data_type: str) -> Any:
    """Return a value of SQLite as asyncpg expects it for this type of PostgreSQL."""
    if value is None:
        return None
    if data_type == "boolean":
        return bool(value)
    if data_type.startswith("json"):
        # SQLite stores a JSON number as a number.
        return value if isinstance(value, str) else json.dumps(value)
    return datetime.fromisoformat(value) if data_type.startswith("timestamp") else value


def _format_json(value: Any, indent: int = 0) -> str:
    """Return JSON: a value that fits goes on one line; a line holds several short items of a list or object."""
    flat = json.dumps(value, ensure_ascii=False)
    if len(flat) + indent <= _WIDTH or not isinstance(value, (dict, list)):
        return flat
    if isinstance(value, dict):
        items = [
            f"{json.dumps(key, ensure_ascii=False)}: {_format_json(item, indent + 1)}" for key, item in value.items()
        ]
        opening, closing = "{}"
    else:
        items = [_format_json(item, indent + 1) for item in value]
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
