"""The format of log lines for loguru."""

from __future__ import annotations

import json
from typing import Any


def stdout_format(record: Any) -> str:
    """Return the template of a record's line: time, level, origin, message, and further fields as JSON."""
    extra = ""
    if record["extra"]:
        record["extra"]["extra_json"] = json.dumps(record["extra"], default=str)
        extra = " - {extra[extra_json]}"
    origin = "<cyan>{name}</cyan>:<cyan>{function}</cyan>:<cyan>{line}</cyan>"
    head = "<green>{time:YYYY-MM-DD HH:mm:ss.SSS}</green> | <level>{level: <8}</level>"
    return f"{head} | {origin} - <level>{{message}}</level>{extra}\n{{exception}}"
