"""Hooks that `bench.schema_fuzz` has schemathesis load: put ids of existing records into paths, and record responses.

They run with schemathesis's own interpreter, which has no package of the project but this one.
"""

from __future__ import annotations

import json
import os
import random
import re
import urllib.error
import urllib.request
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
#: The address of the server, the token of the role, and what signs its user in again after a request ended the session.
_URL, _ACCOUNT = os.environ["SCHEMA_FUZZ_URL"], os.environ.get("SCHEMA_FUZZ_ACCOUNT", "")
_state = {"token": os.environ.get("SCHEMA_FUZZ_TOKEN", "")}


@schemathesis.hook  # type: ignore[untyped-decorator]
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    """Send the token; use the id of an existing record in two of three requests."""
    if _state["token"]:
        case.headers["Authorization"] = f"Bearer {_state['token']}"
    for start, ids in _IDS.items():
        if case.path.startswith(start) and case.path_parameters and _random.random() < 0.67:
            name = next(iter(case.path_parameters))
            case.path_parameters = {**case.path_parameters, name: _random.choice(ids)}


@schemathesis.hook  # type: ignore[untyped-decorator]
def after_call(context: Any, case: Any, response: Any) -> None:
    """Append the response to the record, and sign in again where the session has ended."""
    if response.status_code == 401 and _ACCOUNT:
        _renew_session()
    entry: dict[str, Any] = {"status": response.status_code, "method": case.method, "path": case.path}
    text = response.text[:_LONGEST] if response.status_code >= 400 else ""
    leak = _LEAKS.search(text)
    if response.status_code >= 500 or (leak and leak[0] not in _read_request(response)):
        entry |= {"url": response.request.url, "body": _read_request(response)[:2000], "text": text[:600]}
        entry["leak"] = leak[0][:200] if leak else ""
    with open(os.environ["SCHEMA_FUZZ_LOG"], "a", encoding="utf-8") as file:
        file.write(json.dumps(entry) + "\n")


def _renew_session() -> None:
    headers = {"Authorization": f"Bearer {_state['token']}", "Content-Type": "application/json"}
    try:
        urllib.request.urlopen(urllib.request.Request(f"{_URL}/api/v1/auths/", headers=headers), timeout=10)
    except urllib.error.HTTPError:
        request = urllib.request.Request(f"{_URL}/api/v1/auths/signin", _ACCOUNT.encode(), headers)
        try:
            with urllib.request.urlopen(request, timeout=10) as response:
                _state["token"] = json.loads(response.read()).get("token") or _state["token"]
        except urllib.error.HTTPError:
            pass  # a setting or a limit of attempts is in the way


def _read_request(response: Any) -> str:
    body = response.request.body
    text = body.decode("utf-8", "replace") if isinstance(body, bytes) else str(body)
    return f"{response.request.url} {text}"
