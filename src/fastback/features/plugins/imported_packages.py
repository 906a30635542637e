"""Packages that plugins import without requiring them, because Open WebUI brings them along."""

from __future__ import annotations

import importlib.util
import re
from functools import cache

#: What Open WebUI 0.12.4 installs and this server does not need, by the module that plugins import. Packages of more
#: than a hundred megabytes are left to `requirements:`.
_PACKAGES = {
    "PIL": "pillow",
    "aiocache": "aiocache",
    "aiofiles": "aiofiles",
    "aiosqlite": "aiosqlite",
    "anthropic": "anthropic",
    "authlib": "authlib",
    "boto3": "boto3",
    "botocore": "boto3",
    "bs4": "beautifulsoup4",
    "ddgs": "ddgs",
    "docx": "python-docx",
    "docx2txt": "docx2txt",
    "dateutil": "python-dateutil",
    "fake_useragent": "fake-useragent",
    "fastapi": "fastapi",
    "httpx": "httpx",
    "itsdangerous": "itsdangerous",
    "jinja2": "jinja2",
    "joblib": "joblib",
    "jsonschema": "jsonschema",
    "langchain_core": "langchain-core",
    "langchain_text_splitters": "langchain-text-splitters",
    "loguru": "loguru",
    "lxml": "lxml",
    "markdown": "markdown",
    "mcp": "mcp",
    "networkx": "networkx",
    "openai": "openai",
    "openpyxl": "openpyxl",
    "orjson": "orjson",
    "pandas": "pandas",
    "pptx": "python-pptx",
    "psutil": "psutil",
    "psycopg": "psycopg",
    "psycopg2": "psycopg2-binary",
    "pydantic_settings": "pydantic-settings",
    "pydub": "pydub",
    "pymysql": "pymysql",
    "pyotp": "pyotp",
    "pypdf": "pypdf",
    "pytz": "pytz",
    "qrcode": "qrcode",
    "rank_bm25": "rank-bm25",
    "rich": "rich",
    "sqlalchemy": "sqlalchemy[asyncio]",
    "sympy": "sympy",
    "tenacity": "tenacity",
    "validators": "validators",
    "websocket": "websocket-client",
    "xlrd": "xlrd",
    "xlsxwriter": "xlsxwriter",
}

_IMPORT = re.compile(rf"^([ \t]*)(?:import|from)[ \t]+({'|'.join(_PACKAGES)})\b", re.MULTILINE)
_OPTIONAL_BLOCK = re.compile(r"\s*(?:try\s*:|if\s+(?:typing\.)?TYPE_CHECKING\s*:)")


def list_imported_packages(content: str) -> list[str]:
    """Return the packages that code imports, that Open WebUI has and the server's environment lacks; each once.

    Imports that may fail (in `try`) or never run (`TYPE_CHECKING`) do not count.
    """
    packages = [
        _PACKAGES[match[2]]
        for match in _IMPORT.finditer(content)
        if not _is_installed(match[2]) and not _is_optional(content, match.start(), len(match[1]))
    ]
    return list(dict.fromkeys(packages))


@cache
def _is_installed(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


def _is_optional(content: str, start: int, indentation: int) -> bool:
    """Return whether the line at `start` is in a block that is optional: the first line above that is indented less."""
    while indentation and start > 0:
        end = start - 1
        start = content.rfind("\n", 0, end) + 1
        line = content[start:end]
        text = line.lstrip()
        if text and len(line) - len(text) < indentation:
            return _OPTIONAL_BLOCK.match(line) is not None
    return False
