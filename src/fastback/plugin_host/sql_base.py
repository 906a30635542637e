"""The base of the classes of SQLAlchemy, and the type of columns of text that hold JSON."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import types
from sqlalchemy.orm import declarative_base

Base: Any = declarative_base()


class JSONField(types.TypeDecorator[Any]):
    """A column of text that holds JSON."""

    impl = types.UnicodeText
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Any) -> Any:
        return None if value is None else json.dumps(value, ensure_ascii=False)

    def process_result_value(self, value: Any, dialect: Any) -> Any:
        return None if value is None else json.loads(value)
