"""Hooks that `bench.schema_fuzz` has schemathesis load: put ids of existing records into paths, and record responses.

They run with schemathesis's own interpreter, which has no package of the project but this one.
"""

from __future__ import annotations

import json
import os
import random
import re
from typing import Any

import schemathesis  # type: ignore[import-not-found]

#: The start of a path, and the ids of records that its operations may find.
_IDS: dict[str, list[str]] = json.loads(os.environ.get("SCHEMA_FUZZ_IDS", "{}"))
_random = random.Random(1)
#: What a response must not tell about the server: tracebacks, paths, SQL and exceptions.
_LEAKS = re.compile(
    r"Traceback \(most recent|File \\?\"[^\"]+\.py|site-packages|/fastback/|"
    + re.escape(os.environ["SCHEMA_FUZZ_DATA"])
    + r"|\bSELECT\b.{1,200}\bFROM\b|\bINSERT INTO\b|\bUPDATE \w+ SET\b"
    + r"|asyncpg|apsw|sqlite|postgres|msgspec|starlette|aiohttp"
    + r"|\b[A-Z][A-Za-z]+(?:Error|Exception)\b|object at 0x|NoneType|\[Errno",
    re.DOTALL,
)
_LONGEST = 200_000


@schemathesis.hook  # type: ignore[untyped-decorator]
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    """Use the id of an existing record in two of three requests."""
    for start, ids in _IDS.items():
        if case.path.startswith(start) and case.path_parameters and _random.random() < 0.67:
            name = next(iter(case.path_parameters))
            case.path_parameters = {**case.path_parameters, name: _random.choice(ids)}


@schemathesis.hook  # type: ignore[untyped-decorator]
def after_call(context: Any, case: Any, response: Any) -> None:
    """Append the response to the record."""
    entry: dict[str, Any] = {"status": response.status_code, "method": case.method, "path": case.path}
    text = response.text[:_LONGEST] if response.status_code >= 400 else ""
    leak = _LEAKS.search(text)
    if response.status_code >= 500 or (leak and leak[0] not in _read_request(response)):
        entry |= {"url": response.request.url, "body": _read_request(response)[:2000], "text": text[:600]}
        entry["leak"] = leak[0][:200] if leak else ""
    with open(os.environ["SCHEMA_FUZZ_LOG"], "a", encoding="utf-8") as file:
        file.write(json.dumps(entry) + "\n")


def _read_request(response: Any) -> str:
    body = response.request.body
    text = body.decode("utf-8", "replace") if isinstance(body, bytes) else str(body)
    return f"{response.request.url} {text}"
