"""Stored settings that nothing reads yet, as `docs/compatibility.md` lists them.

A key counts as read where its constant is used outside of the modules that show and save pages of settings.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple

import fastback

_ROOT = Path(fastback.__file__).parent
_KEYS = "config/keys"
#: Modules that only show and save settings.
_SETTINGS_MODULES = re.compile(
    r"features/configs/\w+\.py|features/auths/(admin_config|config_routes|oauth_config)\.py"
    r"|features/retrieval/(settings_pages|config_routes)\.py|features/(audio|images)/settings\.py|config/definitions\.py"
    r"|features/ldap/(routes|server_page)\.py"
)
#: The module that passes settings to the page, which applies them itself.
_PAGE_MODULE = "features/server/page_config.py"
#: Keys that are read under names which the program builds.
_BUILT_NAMES = (
    "memories.*_char_limit",
    "rag.azure_openai.*",
    "rag.datalab_marker_*",
    "rag.ollama.*",
    "rag.openai.*",
    "web.search.*",
)
#: Keys that only the page of settings itself needs.
_SHOWN_ONLY = ("auth.admin.*",)


class IdleSettings(NamedTuple):
    """Settings of a page that have no effect yet: the page, patterns of keys, and what happens instead."""

    page: str
    patterns: tuple[str, ...]
    effect: str


IDLE_SETTINGS = (
    IdleSettings(
        "Connections, cached list of models",
        ("models.base_models_cache",),
        "Stored, without effect: lists of models are always held in memory and renewed in the background.",
    ),
)


def _iterate_keys() -> Iterator[tuple[str, str]]:
    """Yield the constant and the name of each key."""
    for path in (_ROOT / _KEYS).glob("*.py"):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                call = node.value
                if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "define_key":
                    yield node.targets[0].id, ast.literal_eval(call.args[0])


def _list_modules_by_constant(constants: set[str]) -> dict[str, set[str]]:
    """Return the modules that use each constant, as paths below the package."""
    modules: dict[str, set[str]] = defaultdict(set)
    for path in _ROOT.rglob("*.py"):
        name = path.relative_to(_ROOT).as_posix()
        if name.startswith(_KEYS) or _SETTINGS_MODULES.fullmatch(name):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            used = node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
            if used in constants:
                modules[used].add(name)
    return modules


def matches_any(key: str, patterns: tuple[str, ...]) -> bool:
    """Return whether a key matches one of the patterns."""
    return any(fnmatchcase(key, pattern) for pattern in patterns)


def list_unread_keys() -> list[str]:
    """Return the keys that neither the program nor the page reads, by name."""
    keys = dict(_iterate_keys())
    modules = _list_modules_by_constant(set(keys))
    unread = (key for constant, key in keys.items() if not modules[constant])
    return sorted(key for key in unread if not matches_any(key, _BUILT_NAMES + _SHOWN_ONLY))


def build_section() -> list[str]:
    """Return the section of the page as lines of Markdown."""
    unread = list_unread_keys()
    lines = [
        "## Settings without effect yet",
        "",
        "Pages of settings store all of their fields, so that Open WebUI finds them. The program or the page reads all "
        "but these:",
        "",
        "| page of settings | keys | what happens |",
        "|---|---|---|",
    ]
    for settings in IDLE_SETTINGS:
        count = sum(matches_any(key, settings.patterns) for key in unread)
        keys = ", ".join(f"`{pattern}`" for pattern in settings.patterns)
        lines.append(f"| {settings.page} | {keys} ({count}) | {settings.effect} |")
    return [*lines, ""]
