"""Find the statements of the package: SQL constants of modules, and the calls that run them.

A statement is a module constant: a text, or a dict of texts, by dialect or by anything else. One that only one database
understands ends in `_SQLITE` or `_POSTGRES`. A fragment, which is no statement alone, begins with an underscore.
A text with variants is returned by a function of the same module, which is called with each of its arguments here:
those whose type is `Dialect`, a `Literal` or `bool` are enumerated, others are listed in `VARIANTS`.
"""

from __future__ import annotations

import ast
import builtins
import importlib
import inspect
import itertools
import typing
from collections.abc import Callable, Iterable, Iterator, Sequence
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


#: By `module.function`: values of the arguments that cannot be enumerated.
Variants = dict[str, dict[str, list[Any]]]


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
        targets = (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        )
        names += [target.id for target in targets if isinstance(target, ast.Name)]
    names = [name for name in names if name.isupper() and not name.startswith("_")]
    if not names:
        return []
    loaded = importlib.import_module(module)
    return [statement for name in names for statement in flatten(f"{module}.{name}", getattr(loaded, name))]


def list_variants(module: str, name: str, variants: Variants) -> list[Statement]:
    """List the texts that a function returns for each combination of its arguments.

    Raises:
        LookupError: the values of an argument can be neither enumerated nor are they listed.
    """
    function = inspect.unwrap(getattr(importlib.import_module(module), name))
    key = f"{module}.{name}"
    hints = typing.get_type_hints(function)
    choices: dict[str, list[Any]] = {}
    for parameter in inspect.signature(function).parameters:
        values = variants.get(key, {}).get(parameter) or _list_choices(hints.get(parameter))
        if not values:
            raise LookupError(f"{key}: list values of {parameter} in VARIANTS")
        choices[parameter] = values
    statements = []
    for arguments in itertools.product(*choices.values()):
        dialect = next((value for value in arguments if isinstance(value, str) and value in DIALECTS), None)
        result = _call(function, dict(zip(choices, arguments, strict=True)))
        results = result if isinstance(result, tuple) else (result,)
        texts = [getattr(item, "text", item) for item in results]
        statements += [Statement(f"{key}{arguments}", text, dialect) for text in texts if is_statement(text)]
    if not statements:
        raise LookupError(f"{key} returns no statement")
    return statements


def _call(function: Callable[..., Any], arguments: dict[str, Any]) -> Any:
    parameters = inspect.signature(function).parameters.values()
    positional = [arguments[one.name] for one in parameters if one.kind is one.POSITIONAL_ONLY]
    return function(*positional, **{k: v for k, v in arguments.items() if k not in _positional_names(parameters)})


def _positional_names(parameters: Iterable[inspect.Parameter]) -> set[str]:
    return {one.name for one in parameters if one.kind is one.POSITIONAL_ONLY}


def _list_choices(kind: Any) -> list[Any] | None:
    if kind is bool:
        return [False, True]
    if typing.get_origin(kind) is typing.Literal:
        return list(typing.get_args(kind))
    return None


class _Resolver:
    """Find the statements that an expression in a function stands for."""

    def __init__(
        self, module: str, function: ast.AST | None, variants: Variants, objects: Sequence[object] = ()
    ) -> None:
        self.module = module
        self.loaded = importlib.import_module(module)
        self.function = function
        self.variants = variants
        self.objects = objects

    def resolve(self, node: ast.expr, depth: int = 0) -> list[Statement]:
        """Return the statements. Raises: LookupError, where they are not constants."""
        if depth > 5:
            raise LookupError("too many steps")
        if isinstance(node, ast.IfExp):
            return self.resolve(node.body, depth + 1) + self.resolve(node.orelse, depth + 1)
        if isinstance(node, ast.Name) and not hasattr(self.loaded, node.id):
            return self._resolve_local(node.id, depth)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            if node.value.id == "self" and self.objects:
                return self._resolve_attribute(node.attr)
            if node.attr == "text":
                return self._resolve_local(node.value.id, depth)
        if isinstance(node, (ast.Name, ast.Attribute)):
            return self._resolve_constant(node)
        if isinstance(node, ast.Subscript):
            return self.resolve(node.value, depth + 1)
        if isinstance(node, ast.Call):
            module, name = self._locate(node.func)
            return list_variants(module, name, self.variants)
        raise LookupError(f"{ast.unparse(node)[:60]} is not a constant")

    def _resolve_attribute(self, name: str) -> list[Statement]:
        texts = [getattr(item, name) for item in self.objects]
        return [Statement(f"{self.module}.self.{name}", text, None) for text in texts]

    def resolve_pairs(self, name: str, text: str) -> list[tuple[str, Statement]]:
        """Return names with their statements where both are taken from one constant. Raises: LookupError."""
        for node in ast.walk(self.function) if self.function is not None else ():
            target, value = None, None
            if isinstance(node, ast.For):
                target, value = node.target, node.iter
            elif isinstance(node, ast.Assign):
                target, value = node.targets[0], node.value
            if not isinstance(target, ast.Tuple) or [getattr(one, "id", "") for one in target.elts] != [name, text]:
                continue
            constant = value.value if isinstance(value, ast.Subscript) else value
            if isinstance(constant, ast.Call) and isinstance(constant.func, ast.Attribute):
                constant = constant.func.value  # `CONSTANT.items()`
            if isinstance(constant, ast.Name) and isinstance(pairs := getattr(self.loaded, constant.id, None), dict):
                items = pairs.values() if isinstance(value, ast.Subscript) else pairs.items()
                return [(key, Statement(f"{self.module}.{constant.id}[{key}]", sql, None)) for key, sql in items]
        raise LookupError(f"the name {name} is not literal")

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


def list_calls(module: str, variants: Variants, objects: Sequence[object] = ()) -> list[Call]:
    """List the calls in a module that run statements; `objects` are examples of what `self` is."""
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
            calls += _read_call(node, _Resolver(module, parents.get(node), variants, objects))
    return calls


def _read_call(node: ast.Call, resolver: _Resolver) -> list[Call]:
    assert isinstance(node.func, ast.Attribute)
    row_at, name_at, text_at = RUNNERS[node.func.attr]
    if len(node.args) <= text_at:
        return []  # a cursor's own `execute`
    name_node, text_node = node.args[name_at], node.args[text_at]
    if node.func.attr == "execute" and isinstance(text_node, (ast.Dict, ast.Tuple)):
        return []  # a driver's connection: text and parameters
    row = None
    try:
        if row_at is not None:
            row = _resolve_row(resolver, node.args[row_at])
        if isinstance(name_node, ast.Constant):
            statements = resolver.resolve(text_node)
            return [Call(resolver.module, node.lineno, name_node.value, statements, row, None)]
        if not isinstance(name_node, ast.Name) or not isinstance(text_node, ast.Name):
            raise LookupError(f"the name {ast.unparse(name_node)[:40]} is not literal")
        pairs = resolver.resolve_pairs(name_node.id, text_node.id)
        return [Call(resolver.module, node.lineno, name, [statement], row, None) for name, statement in pairs]
    except LookupError as error:
        return [Call(resolver.module, node.lineno, None, [], row, str(error))]


def _resolve_row(resolver: _Resolver, node: ast.expr) -> Any:
    text = ast.unparse(node)
    try:
        return eval(text, {**vars(builtins), **vars(resolver.loaded)})
    except (NameError, AttributeError):
        raise LookupError(f"the type of rows {text} is not known") from None
