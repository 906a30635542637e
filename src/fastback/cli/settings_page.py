"""`fastback settings`: every variable and every stored key, as `docs/configuration.md`."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from typing import Any

from fastback.config.definitions import AREAS, list_definitions
from fastback.config.key import Derived, KeyDefinition
from fastback.config.keys.permissions import LEAVES
from fastback.settings import Settings
from fastback.settings.field import Field
from fastback.settings.process_settings import areas, fields

_KINDS: dict[type, str] = {bool: "true/false", int: "whole number", float: "number", str: "text"}

_TOP = """# Configuration

Made by `fastback settings`; don't edit it by hand.

Fastback takes the variables of Open WebUI under their names. There are two kinds. **Process settings** are read
once, at start. **Stored keys** are what administrators set in the page: a variable gives a key its default, which is
written to the table `config` of the database at the first start; from then on the database counts, and the variable
does not. With `ENABLE_PERSISTENT_CONFIG=false` the variable counts at every start, and what administrators change
lasts until the next. Keys of OAuth are always like that unless `ENABLE_OAUTH_PERSISTENT_CONFIG=true`.
`RESET_CONFIG_ON_START=true` writes every key anew.

- Options of the command line (`--host`, `--port`, `--data-dir`) win over the environment, the environment over a
  file `.env` in the working directory.
- `NAME_FILE` names a file that holds the value of `NAME`, for any variable:
  `DATABASE_PASSWORD_FILE=/run/secrets/db`.
- To switch something on, write `true`, in any case of letters; everything else is off.
- A process setting that makes no sense (`PORT=abc`) ends the start with one line that names it. A variable of a
  stored key that makes no sense is logged, and its default stays.
- Data lives in `./data` of the working directory unless `DATA_DIR` says otherwise. The secret key is
  `WEBUI_SECRET_KEY`; without one, a file `.webui_secret_key` in the working directory counts, where Open WebUI keeps
  its own; without that, one is made at the first start and kept in the data directory, for its owner's eyes only.
- A database is named by `DATABASE_URL`, or by `DATABASE_TYPE` and the five beside it, which win where all are given.

## Process settings
"""

_END = """## Without effect

Fastback does not read these variables of Open WebUI, because what they belong to is not built or works in another way:
vector databases other than Chroma, pgvector and Qdrant (`MILVUS_…`, `OPENSEARCH_…`, `ELASTICSEARCH_…`, `PINECONE_…` and
their like), how models run in the process (`SENTENCE_TRANSFORMERS_…` besides the two that are listed above,
`RAG_EMBEDDING_MODEL_…`, `RAG_RERANKING_MODEL_…`, `WHISPER_…` besides `WHISPER_MODEL`), telemetry (`ENABLE_OTEL`,
`OTEL_…`), SCIM (`ENABLE_SCIM`, `SCIM_…`), exchange of OAuth tokens (`OAUTH_TOKEN_EXCHANGE_…`), the licence
(`LICENSE_…`), migrations of the database (`ENABLE_DB_MIGRATIONS`: Fastback makes a new database at the revision it
knows and leaves others alone), and `DATABASE_ENABLE_IAM_TOKEN_AUTH`, which ends the start.
"""


def run(_: argparse.Namespace) -> int:
    print(markdown(), end="")
    return 0


def markdown() -> str:
    """The page `docs/configuration.md`."""
    return "\n".join([_TOP, *_settings(), *_stored(), *_permissions(), _END])


def _settings() -> Iterator[str]:
    every = fields()
    standard = Settings()
    for title, names in areas():
        yield f"### {title}\n"
        yield "| Variable | Value | Default | Meaning |"
        yield "|---|---|---|---|"
        for name in names:
            field = every[name]
            idle = field.about.idle
            text = f"{field.about.text} *Without effect: {idle}.*" if idle else field.about.text
            value = _KINDS[field.kind]
            yield _row(_names(field.variables), value, _default(field, getattr(standard, name)), text)
        yield ""


def _default(field: Field, value: Any) -> str:
    if value is None or value == "":
        return ""
    return _code(str(value).lower() if field.kind is bool else str(value))


def _stored() -> Iterator[str]:
    yield "## Stored keys\n"
    for area in AREAS:
        if area.__name__.endswith(".permissions"):
            continue
        title = (area.__doc__ or "").partition(": keys")[0]
        yield f"### {title}\n"
        yield "| Key | Variable | Value | Default |"
        yield "|---|---|---|---|"
        for key in list_definitions(area):
            yield _row(_code(key.name), _names(_variables(key)), _value(key), _fallback(key))
        yield ""


def _permissions() -> Iterator[str]:
    yield "### What users may do by default\n"
    yield "The key `user.permissions` is one object; each of its leaves has a variable.\n"
    yield "| Leaf | Variable | Default |"
    yield "|---|---|---|"
    for leaf, variable, fallback in LEAVES:
        yield _row(_code(leaf), _code(variable), _code(str(fallback).lower()))
    yield ""


def _variables(key: KeyDefinition) -> tuple[str, ...]:
    made_of = key.fallback.variables if isinstance(key.fallback, Derived) else ()
    return (*key.variables, *made_of)


def _value(key: KeyDefinition) -> str:
    if isinstance(key.fallback, Derived) and not key.variables:
        value = key.fallback.make({})
        return "true/false" if isinstance(value, bool) else "a list"
    return key.get_reader().about


def _fallback(key: KeyDefinition) -> str:
    value = key.fallback
    if isinstance(value, Derived):
        return value.about
    if value is None or value == "":
        return ""
    if isinstance(value, str) and len(value) > 120:
        return "a text of our own"
    return _code(value if isinstance(value, str) else json.dumps(value))


def _names(variables: tuple[str, ...]) -> str:
    first, *others = [_code(one) for one in variables] or [""]
    return f"{first} (or {', '.join(others)})" if others else first


def _code(text: str) -> str:
    return f"`{text}`"


def _row(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
