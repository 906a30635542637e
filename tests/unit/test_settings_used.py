"""Whether a setting has an effect: what its description promises, and what the source asks for."""

from __future__ import annotations

import ast
from pathlib import Path

import fastback
from fastback.settings.process_settings import get_setting_fields
from fastback.settings.security_headers import _HEADERS


def test_what_has_no_effect_says_so_and_nothing_else_does() -> None:
    every = get_setting_fields()
    said = {name for name, field in every.items() if field.description.no_effect}
    # Of this one we ask in order to say that it has none.
    assert said == set(every) - (_used() - {"uvicorn_workers"})


def _used() -> set[str]:
    """The settings that some code asks for, read off the package's own source."""
    package = Path(fastback.__file__).parent
    # The first three work by their variables, or through another setting; the last ones stand in a table of names.
    asked = {"env", "offline_mode", "webui_url", *(name for _, name, _, _ in _HEADERS)}
    helpers: dict[str, set[str]] = {}
    for path in sorted(package.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        if path.parent != package / "settings":
            asked |= _mentions(tree, ("settings",))
        else:
            for node in ast.walk(tree):
                if isinstance(node, ast.FunctionDef):
                    helpers[node.name] = _mentions(node)
    del helpers["_apply_rules"]  # puts values right and uses none
    for name in ("build_database_url", "_validate_settings", *helpers):
        if name in asked or name in ("build_database_url", "_validate_settings"):  # these two are called while loading
            asked |= helpers[name]
    found = set()
    for name in get_setting_fields():
        # A helper may take all settings whose names begin alike.
        if name in asked or any(one.endswith("_") and len(one) > 8 and name.startswith(one) for one in asked):
            found.add(name)
    return found


def _mentions(tree: ast.AST, owners: tuple[str, ...] = ("settings", "self")) -> set[str]:
    """Attributes of what is called settings, functions that are called; texts, where somebody asks by name."""
    found: set[str] = set()
    texts: set[str] = set()
    by_name = False
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            owner = node.value.attr if isinstance(node.value, ast.Attribute) else getattr(node.value, "id", "")
            if owner.lstrip("_") in owners:
                found.add(node.attr)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            found.add(node.func.id)
            by_name = by_name or (node.func.id == "getattr" and "settings" in ast.unparse(node.args[0]))
            by_name = by_name or (node.func.id == "getattr" and ast.unparse(node.args[0]) == "self")
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            texts.add(node.value)
    return found | texts if by_name else found
