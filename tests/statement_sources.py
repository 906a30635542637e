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
import re
import typing
from collections.abc import Iterator, Mapping, Sequence
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
    "fetch_row": (2, 3, 4),
    "change_row": (None, 2, 3),
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
    words = text.split(None, 1) if isinstance(text, str) else []
    return len(words) == 2 and words[0].upper() in _KEYWORDS


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


def list_variants(
    module: str, name: str, variants: Variants, item: int | None = None, constants: Mapping[str, Any] = {}
) -> list[Statement]:
    """List the texts that a function returns for each combination of its arguments.

    `item` chooses one of a tuple of texts; `constants` are arguments that the call gives as constants.

    Raises:
        LookupError: the values of an argument can be neither enumerated nor are they listed.
    """
    function = inspect.unwrap(getattr(importlib.import_module(module), name))
    key = f"{module}.{name}"
    hints = typing.get_type_hints(function)
    choices: dict[str, list[Any]] = {}
    for parameter in inspect.signature(function).parameters:
        values = variants.get(key, {}).get(parameter) or _list_choices(hints.get(parameter))
        if parameter in constants:
            values = [constants[parameter]]
        if not values:
            raise LookupError(f"{key}: list values of {parameter} in VARIANTS")
        choices[parameter] = values
    statements = []
    for arguments in itertools.product(*choices.values()):
        dialect = next((value for value in arguments if isinstance(value, str) and value in DIALECTS), None)
        result = function(**dict(zip(choices, arguments, strict=True)))
        results = result if isinstance(result, tuple) else (result,)
        if item is not None:
            results = (results[item],)
        texts = [getattr(returned, "text", returned) for returned in results]
        statements += [
            Statement(f"{key}{arguments}{'' if item is None else item}", str(text), dialect)
            for text in texts
            if is_statement(text)
        ]
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

    def __init__(
        self, module: str, function: ast.AST | None, variants: Variants, objects: Sequence[object], line: int
    ) -> None:
        self.module = module
        self.loaded = importlib.import_module(module)
        self.function = function
        self.variants = variants
        self.objects = objects
        self.line = line

    def resolve(self, node: ast.expr, depth: int = 0, item: int | None = None) -> list[Statement]:
        """Return the statements, or only that at `item` of a tuple. Raises: LookupError, for other texts."""
        if depth > 5:
            raise LookupError("too many steps")
        if isinstance(node, ast.IfExp):
            return self.resolve(node.body, depth + 1, item) + self.resolve(node.orelse, depth + 1, item)
        if isinstance(node, ast.Tuple) and item is not None:
            return self.resolve(node.elts[item], depth + 1)
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
            return list_variants(module, name, self.variants, item, self._list_constant_arguments(module, name, node))
        raise LookupError(f"{ast.unparse(node)[:60]} is not a constant")

    def _list_constant_arguments(self, module: str, name: str, node: ast.Call) -> dict[str, Any]:
        """Return the arguments of a call that are literals or constants of the module."""
        function = inspect.unwrap(getattr(importlib.import_module(module), name))
        arguments = dict(zip(inspect.signature(function).parameters, node.args, strict=False))
        arguments |= {keyword.arg: keyword.value for keyword in node.keywords if keyword.arg}
        constants = {}
        for parameter, value in arguments.items():
            if isinstance(value, ast.Constant):
                constants[parameter] = value.value
            elif isinstance(value, ast.Name) and isinstance(getattr(self.loaded, value.id, None), str):
                constants[parameter] = getattr(self.loaded, value.id)
        return constants

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
            if not isinstance(target, ast.Tuple) or [getattr(element, "id", "") for element in target.elts] != [
                name,
                text,
            ]:
                continue
            constant = value.value if isinstance(value, ast.Subscript) else value
            if isinstance(constant, ast.Call) and isinstance(constant.func, ast.Attribute):
                constant = constant.func.value  # `CONSTANT.items()`
            if isinstance(constant, ast.Name) and isinstance(pairs := getattr(self.loaded, constant.id, None), dict):
                items = pairs.values() if isinstance(value, ast.Subscript) else pairs.items()
                return [(key, Statement(f"{self.module}.{constant.id}[{key}]", sql, None)) for key, sql in items]
        raise LookupError(f"the name {name} is not literal")

    def _list_assigned(self, name: str) -> list[tuple[ast.expr, int | None]]:
        """Return what is assigned to a local variable before the call, and which item of it where that is a tuple."""
        if not isinstance(self.function, (ast.FunctionDef, ast.AsyncFunctionDef)):
            return []
        assigned: list[tuple[ast.expr, int | None]] = []
        nodes = [node for node in ast.walk(self.function) if isinstance(node, (ast.Assign, ast.For))]
        for node in sorted(nodes, key=lambda node: -node.lineno):
            target = node.target if isinstance(node, ast.For) else node.targets[0]
            targets = target.elts if isinstance(target, ast.Tuple) else [target]
            names = [element.id if isinstance(element, ast.Name) else "" for element in targets]
            if name not in names or node.lineno > self.line:
                continue
            item = names.index(name) if isinstance(target, ast.Tuple) else None
            assigned.append((node.iter if isinstance(node, ast.For) else node.value, item))
            if node in self.function.body:
                break  # what was assigned before it counts no longer
        return assigned

    def _resolve_local(self, name: str, depth: int) -> list[Statement]:
        statements: list[Statement] = []
        for value, item in self._list_assigned(name):
            statements += self.resolve(value, depth + 1, item)
        if not statements:
            raise LookupError(f"{name} is not assigned from constants")
        return statements

    def _locate(self, node: ast.expr) -> tuple[str, str]:
        """Return the module that defines what a name or `module.name` stands for, and its name there."""
        if isinstance(node, ast.Name):
            value = getattr(self.loaded, node.id, None)
            if callable(value):  # a function, also behind a cache
                function = inspect.unwrap(value)
                return function.__module__, function.__name__
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


def list_calls(
    module: str, variants: Variants, objects: Sequence[object] = (), passed_on: Mapping[str, Sequence[str]] = {}
) -> list[Call]:
    """List the calls in a module that run statements.

    `objects` are examples of what `self` is; `passed_on` are the functions that return a text, by the name of the
    statement, where the text reaches the call as an argument.
    """
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
            calls += _read_call(node, _Resolver(module, parents.get(node), variants, objects, node.lineno), passed_on)
    return calls


def _read_call(node: ast.Call, resolver: _Resolver, passed_on: Mapping[str, Sequence[str]]) -> list[Call]:
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
        if isinstance(name_node, ast.Constant) and isinstance(name_node.value, str):
            if name_node.value in passed_on:
                builders = [builder.rpartition(".") for builder in passed_on[name_node.value]]
                variants = [list_variants(path, function, resolver.variants) for path, _, function in builders]
                statements = list(itertools.chain.from_iterable(variants))
            else:
                statements = resolver.resolve(text_node)
            return [Call(resolver.module, node.lineno, name_node.value, statements, row, None)]
        if not isinstance(name_node, ast.Name) or not isinstance(text_node, ast.Name):
            raise LookupError(f"the name {ast.unparse(name_node)[:40]} is not literal")
        pairs = resolver.resolve_pairs(name_node.id, text_node.id)
        return [Call(resolver.module, node.lineno, name, [statement], row, None) for name, statement in pairs]
    except LookupError as error:
        return [Call(resolver.module, node.lineno, None, [], row, str(error))]


def _resolve_row(resolver: _Resolver, node: ast.expr) -> Any:
    """Return the type of rows; None where a caller of the function chooses it."""
    text = ast.unparse(node)
    function = resolver.function
    arguments = function.args if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)) else None
    if arguments is not None and text in [argument.arg for argument in (*arguments.args, *arguments.kwonlyargs)]:
        return None
    try:
        return eval(text, {**vars(builtins), **vars(resolver.loaded)})
    except (NameError, AttributeError):
        raise LookupError(f"the type of rows {text} is not known") from None


_TOKEN = re.compile(r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|\w+|[(),]|.""", re.DOTALL)
_ALIAS = re.compile(r'\bAS\s+"?(\w+)"?\s*$', re.IGNORECASE)


def list_aliases(text: str) -> list[str | None]:
    """Return the alias of each column of the outer SELECT, None where it has none."""
    columns, depth, column = [], 0, ""
    inside = False
    for match in _TOKEN.finditer(text):
        token = match.group()
        depth += (token == "(") - (token == ")")
        word = token.upper() if depth == 0 else ""
        if not inside:
            inside = word == "SELECT"
        elif word in ("FROM", "UNION"):
            break
        elif word == ",":
            columns.append(column)
            column = ""
        else:
            column += token
    matches = [_ALIAS.search(expression) for expression in [*columns, column]]
    return [match.group(1) if match else None for match in matches]
