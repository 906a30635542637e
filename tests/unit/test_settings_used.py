"""Whether a setting has an effect: its description compared with the uses in the source."""

from __future__ import annotations

import ast
from pathlib import Path

import fastback
from fastback.settings.process_settings import get_setting_fields
from fastback.settings.security_headers import _HEADERS


def test_exactly_the_settings_without_effect_are_described_so() -> None:
    fields = get_setting_fields()
    described = {name for name, field in fields.items() if field.description.no_effect}
    assert described == set(fields) - _list_used_settings()


def _list_used_settings() -> set[str]:
    """Return the settings that the package's source reads."""
    package = Path(fastback.__file__).parent
    # The first three take effect through their variables or through another setting; the others are in a table.
    mentioned = {"env", "offline_mode", "webui_url", *(name for _, name, _, _ in _HEADERS)}
    helpers: dict[str, set[str]] = {}
    for path in sorted(package.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        if path.parent != package / "settings":
            mentioned |= _list_mentions(tree, ("settings",))
        else:
            for node in ast.walk(tree):
                if isinstance(node, ast.FunctionDef):
                    helpers[node.name] = _list_mentions(node)
    del helpers["_apply_rules"]  # corrects values and uses none
    for name in ("build_database_url", "_validate_settings", *helpers):
        if name in mentioned or name in (
            "build_database_url",
            "_validate_settings",
        ):  # these two are called while loading
            mentioned |= helpers[name]
    used = set()
    for name in get_setting_fields():
        # A helper may read all settings whose names have the same prefix.
        if name in mentioned or any(
            prefix.endswith("_") and len(prefix) > 8 and name.startswith(prefix) for prefix in mentioned
        ):
            used.add(name)
    return used


def _list_mentions(tree: ast.AST, owners: tuple[str, ...] = ("settings", "self")) -> set[str]:
    """Return attributes of objects named like the owners and called functions; also strings, if `getattr` is used."""
    mentions: set[str] = set()
    texts: set[str] = set()
    by_name = False
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            owner = node.value.attr if isinstance(node.value, ast.Attribute) else getattr(node.value, "id", "")
            if owner.lstrip("_") in owners or ast.unparse(node.value).endswith("get(Settings)"):
                mentions.add(node.attr)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            mentions.add(node.func.id)
            by_name = by_name or (node.func.id == "getattr" and "settings" in ast.unparse(node.args[0]))
            by_name = by_name or (node.func.id == "getattr" and ast.unparse(node.args[0]) == "self")
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            texts.add(node.value)
    return mentions | texts if by_name else mentions
