"""Find the statements of the package: SQL constants of modules, and the calls that run them.

A statement is a module constant: a text, or a dict of texts, by dialect or by anything else. One that only one database
understands ends in `_SQLITE` or `_POSTGRES`. A fragment, which is no statement alone, begins with an underscore.
A text with variants is returned by a function of the same module, which is called with each of its arguments here:
those whose type is `Dialect`, a `Literal` or `bool` are enumerated, others are listed in `VARIANTS`.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import itertools
import typing
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[1] / "src"
DIALECTS = ("sqlite", "postgres")
_KEYWORDS = ("SELECT", "INSERT", "UPDATE", "DELETE", "WITH")
#: Methods and functions that run a statement, with the positions of their row type, name and text.
RUNNERS: dict[str, tuple[int | None, int, int]] = {
    "fetch_all": (0, 1, 2),
    "fetch_first": (0, 1, 2),
    "fetch_all_in_thread": (0, 1, 2),
    "fetch_value": (None, 0, 1),
    "execute": (None, 0, 1),
    "execute_in_thread": (None, 0, 1),
    "execute_many": (None, 0, 1),
    "execute_with_files": (None, 1, 2),
    "fetch_into_file": (None, 1, 2),
}


class Statement(NamedTuple):
    """A text of SQL.

    Attributes:
        key: the constant or function that it comes from, `module.NAME`, with the keys or arguments that choose it.
        dialect: the only database that understands it; None for both.
    """

    key: str
    text: str
    dialect: str | None


class Call(NamedTuple):
    """A call that runs a statement: where it is, what it is named, what it runs, and the type of its rows."""

    module: str
    line: int
    name: str | None
    statements: list[Statement]
    row: Any
    problem: str | None


def list_module_names(package: str = "fastback") -> list[str]:
    """List the modules of the package."""
    paths = sorted((ROOT / package).rglob("*.py"))
    names = [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in paths]
    return [name.removesuffix(".__init__") for name in names if not name.endswith("__main__")]


@cache
def parse_module(name: str) -> ast.Module:
    """Return the syntax tree of a module."""
    path = ROOT.joinpath(*name.split("."))
    path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return ast.parse(path.read_text(encoding="utf-8"))


def is_statement(text: object) -> bool:
    """Return whether a constant is a complete statement, going by its first word."""
    return isinstance(text, str) and text.split(None, 1)[:1] != [] and text.split(None, 1)[0].upper() in _KEYWORDS


def flatten(key: str, value: Any, dialect: str | None = None) -> Iterator[Statement]:
    """Yield the statements in a constant."""
    for only in DIALECTS:
        if key.endswith(f"_{only.upper()}"):
            dialect = only
    if isinstance(value, dict):
        for choice, inner in value.items():
            chosen = choice if choice in DIALECTS else dialect
            yield from flatten(f"{key}[{choice!r}]", inner, chosen)
    elif isinstance(value, (list, tuple)):
        for index, inner in enumerate(value):
            yield from flatten(f"{key}[{index}]", inner, dialect)
    elif is_statement(value):
        yield Statement(key, value, dialect)


def list_constants(module: str) -> list[Statement]:
    """List the statements among a module's public constants."""
    names = []
    for node in parse_module(module).body:
        targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        names += [target.id for target in targets if isinstance(target, ast.Name)]
    names = [name for name in names if name.isupper() and not name.startswith("_")]
    if not names:
        return []
    loaded = importlib.import_module(module)
    return [statement for name in names for statement in flatten(f"{module}.{name}", getattr(loaded, name))]


def list_variants(module: str, name: str, variants: dict[str, list[tuple[Any, ...]]]) -> list[Statement]:
    """List the texts that a function returns.

    Raises:
        LookupError: the arguments can be neither enumerated nor are they listed.
    """
    function = inspect.unwrap(getattr(importlib.import_module(module), name))
    key = f"{module}.{name}"
    if key in variants:
        calls = variants[key]
    else:
        hints = typing.get_type_hints(function)
        choices = [_list_choices(hints[parameter]) for parameter in inspect.signature(function).parameters]
        if None in choices:
            raise LookupError(f"{key}: list examples of its arguments in VARIANTS")
        calls = list(itertools.product(*typing.cast(list[list[Any]], choices)))
    statements = []
    for arguments in calls:
        dialect = next((one for one in arguments if one in DIALECTS), None)
        result = function(*arguments)
        texts = [text for text in (result if isinstance(result, tuple) else (result,)) if is_statement(text)]
        statements += [Statement(f"{key}{arguments}", text, dialect) for text in texts]
    if not statements:
        raise LookupError(f"{key} returns no statement")
    return statements


def _list_choices(kind: Any) -> list[Any] | None:
    if kind is bool:
        return [False, True]
    if typing.get_origin(kind) is typing.Literal:
        return list(typing.get_args(kind))
    return None


class _Resolver:
    """Find the statements that an expression in a function stands for."""

    def __init__(self, module: str, function: ast.AST | None, variants: dict[str, list[tuple[Any, ...]]]) -> None:
        self.module = module
        self.loaded = importlib.import_module(module)
        self.function = function
        self.variants = variants

    def resolve(self, node: ast.expr, depth: int = 0) -> list[Statement]:
        """Return the statements. Raises: LookupError, where they are not constants."""
        if depth > 5:
            raise LookupError("too many steps")
        if isinstance(node, ast.IfExp):
            return self.resolve(node.body, depth + 1) + self.resolve(node.orelse, depth + 1)
        if isinstance(node, ast.Name) and not hasattr(self.loaded, node.id):
            return self._resolve_local(node.id, depth)
        if isinstance(node, (ast.Name, ast.Attribute)):
            return self._resolve_constant(node)
        if isinstance(node, ast.Subscript):
            return self.resolve(node.value, depth + 1)
        if isinstance(node, ast.Call):
            module, name = self._locate(node.func)
            return list_variants(module, name, self.variants)
        raise LookupError(f"{ast.unparse(node)[:60]} is not a constant")

    def _resolve_local(self, name: str, depth: int) -> list[Statement]:
        found: list[Statement] = []
        for node in ast.walk(self.function) if self.function is not None else ():
            if isinstance(node, ast.Assign):
                for target in node.targets:
                    if isinstance(target, ast.Name) and target.id == name:
                        found += self.resolve(node.value, depth + 1)
                    elif isinstance(target, ast.Tuple) and name in [getattr(one, "id", "") for one in target.elts]:
                        found += self.resolve(node.value, depth + 1)
            elif isinstance(node, ast.For) and isinstance(node.target, ast.Name) and node.target.id == name:
                found += self.resolve(node.iter, depth + 1)
        if not found:
            raise LookupError(f"{name} is not assigned from constants")
        return found

    def _locate(self, node: ast.expr) -> tuple[str, str]:
        """Return the module that defines what a name or `module.name` stands for, and its name there."""
        if isinstance(node, ast.Name):
            value = getattr(self.loaded, node.id, None)
            if inspect.unwrap(value) is not value or inspect.isfunction(value):
                inner = inspect.unwrap(value)
                return inner.__module__, inner.__name__
            for statement in ast.walk(parse_module(self.module)):
                if isinstance(statement, ast.ImportFrom):
                    for alias in statement.names:
                        if (alias.asname or alias.name) == node.id and statement.module:
                            return statement.module, alias.name
            return self.module, node.id
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            owner = getattr(self.loaded, node.value.id, None)
            if inspect.ismodule(owner):
                return owner.__name__, node.attr
        raise LookupError(f"{ast.unparse(node)[:60]} is not a constant")

    def _resolve_constant(self, node: ast.expr) -> list[Statement]:
        module, name = self._locate(node)
        if not name.isupper():
            raise LookupError(f"{name} is not a constant")
        statements = list(flatten(f"{module}.{name}", getattr(importlib.import_module(module), name)))
        if not statements:
            raise LookupError(f"{name} is not a statement")
        return statements


def list_calls(module: str, variants: dict[str, list[tuple[Any, ...]]]) -> list[Call]:
    """List the calls in a module that run statements."""
    tree = parse_module(module)
    text = ast.dump(tree)
    if not any(f"'{runner}'" in text for runner in RUNNERS):
        return []
    functions = [node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]
    parents: dict[ast.AST, ast.AST] = {}
    for function in functions:  # outer functions come first: the innermost one stays
        parents.update(dict.fromkeys(ast.walk(function), function))
    calls = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in RUNNERS:
            call = _read_call(module, node, parents.get(node), variants)
            if call is not None:
                calls.append(call)
    return calls


def _read_call(
    module: str, node: ast.Call, function: ast.AST | None, variants: dict[str, list[tuple[Any, ...]]]
) -> Call | None:
    assert isinstance(node.func, ast.Attribute)
    row_at, name_at, text_at = RUNNERS[node.func.attr]
    if len(node.args) <= text_at:
        return None  # a cursor's own `execute`
    name_node, text_node = node.args[name_at], node.args[text_at]
    if node.func.attr == "execute" and isinstance(text_node, (ast.Dict, ast.Tuple)):
        return None  # a driver's connection: text and parameters
    name = name_node.value if isinstance(name_node, ast.Constant) else None
    resolver = _Resolver(module, function, variants)
    row, problem, statements = None, None, []
    try:
        if name is None:
            raise LookupError(f"the name {ast.unparse(name_node)[:40]} is not literal")
        statements = resolver.resolve(text_node)
        if row_at is not None:
            row = _resolve_row(resolver, node.args[row_at])
    except LookupError as error:
        problem = str(error)
    return Call(module, node.lineno, name, statements, row, problem)


def _resolve_row(resolver: _Resolver, node: ast.expr) -> Any:
    text = ast.unparse(node)
    try:
        return eval(text, vars(resolver.loaded) | {"__builtins__": __builtins__})
    except NameError:
        raise LookupError(f"the type of rows {text} is not known") from None
