"""Which operations the tests ask: read from their code, without running it.

`count_operations_of_tests()` walks the test files as an interpreter would who knows only texts: constants, f-strings, loops over what is
written down, calls of helpers. What it does not know stands as `x` in a path.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from fastback.compatibility.operations import Operation
from parity import coverage

TESTS = Path(__file__).parent
_METHODS = {"get": "GET", "post": "POST", "put": "PUT", "patch": "PATCH", "delete": "DELETE"}
_ASKING = ("ask", "request")
_WORDS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"})
_UNKNOWN = "x"
#: Helpers call helpers; deeper than this nothing new is asked.
_DEEPEST = 6

#: A text, a list of values, or a dictionary of them.
Value = Any
Names = dict[str, Value]
Function = ast.FunctionDef | ast.AsyncFunctionDef


class Module:
    """A file of tests: its constants and functions, and those that it takes from other files of tests."""

    def __init__(self, path: Path) -> None:
        self.tree = ast.parse(path.read_text(encoding="utf-8"))
        self.names: Names = {}
        self.functions: dict[str, tuple[Module, Function]] = {}
        self.methods: dict[str, tuple[Module, Function]] = {}
        for node in self.tree.body:
            if isinstance(node, ast.ImportFrom) and node.module and (TESTS / f"{node.module}.py").exists():
                other = module(TESTS / f"{node.module}.py")
                for alias in node.names:
                    self._take(alias.asname or alias.name, alias.name, other)
                self.methods |= other.methods
            elif isinstance(node, Function):
                self.functions[node.name] = (self, node)
            elif isinstance(node, ast.ClassDef):
                self.methods |= {one.name: (self, one) for one in node.body if isinstance(one, Function)}
        for node in self.tree.body:
            if isinstance(node, ast.Assign | ast.AnnAssign):
                Walk(self, Counter()).statement(node, self.names)

    def _take(self, here: str, there: str, other: Module) -> None:
        if there in other.names:
            self.names[here] = other.names[there]
        if there in other.functions:
            self.functions[here] = other.functions[there]


@cache
def module(path: Path) -> Module:
    return Module(path)


class Walk:
    """Goes through functions and counts what they ask, by method and path."""

    def __init__(self, home: Module, found: Counter[tuple[str, str]], depth: int = 0) -> None:
        self.home = home
        self.found = found
        self.depth = depth

    def function(self, node: Function, names: Names) -> Value:
        """Walk the body; what it returns first."""
        names = dict(names)
        for one in [*node.args.args, *node.args.kwonlyargs]:
            names.setdefault(one.arg, _UNKNOWN)
        for given in _parameters(node, self, names):
            self.body(node.body, names | given)
        returned = [one.value for one in ast.walk(node) if isinstance(one, ast.Return) and one.value]
        return Walk(self.home, Counter(), _DEEPEST).value(returned[0], names) if returned else _UNKNOWN

    def body(self, statements: list[ast.stmt], names: Names) -> None:
        for one in statements:
            self.statement(one, names)

    def statement(self, node: ast.AST, names: Names) -> None:
        if isinstance(node, ast.Assign | ast.AnnAssign):
            if node.value is not None:
                self.expression(node.value, names)
                value = self.value(node.value, names)
                for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                    _bind(target, value, names)
        elif isinstance(node, ast.For | ast.AsyncFor):
            self.expression(node.iter, names)
            for one in _items(self.value(node.iter, names)):
                _bind(node.target, one, names)
                self.body(node.body, names)
            self.body(node.orelse, names)
        elif isinstance(node, Function):
            self.function(node, names)
        else:
            for child in ast.iter_child_nodes(node):
                if isinstance(child, ast.expr):
                    self.expression(child, names)
                else:
                    self.statement(child, names)

    def expression(self, node: ast.AST, names: Names) -> None:
        """Count what the expression asks."""
        if isinstance(node, ast.ListComp | ast.GeneratorExp | ast.SetComp | ast.DictComp):
            for known in self._loops(node.generators, names):
                for part in (node.key, node.value) if isinstance(node, ast.DictComp) else (node.elt,):
                    self.expression(part, known)
            return
        if isinstance(node, ast.Call):
            self._call(node, names)
        for child in ast.iter_child_nodes(node):
            self.expression(child, names)

    def _loops(self, generators: list[ast.comprehension], names: Names) -> Iterator[Names]:
        if not generators:
            yield names
            return
        first, *others = generators
        for one in _items(self.value(first.iter, names)):
            known = dict(names)
            _bind(first.target, one, known)
            yield from self._loops(others, known)

    def _call(self, node: ast.Call, names: Names) -> None:
        given = [self.value(one, names) for one in node.args]
        if isinstance(node.func, ast.Attribute):
            name = node.func.attr
            if name in _METHODS and given:
                self._ask(_METHODS[name], given[0])
            elif name in _ASKING and len(given) > 1 and given[0] in _WORDS:
                self._ask(given[0], given[1])
            elif name in self.home.methods:
                self._inside(self.home.methods[name], node, [_UNKNOWN, *given], names)
        elif isinstance(node.func, ast.Name) and node.func.id in self.home.functions:
            self._inside(self.home.functions[node.func.id], node, given, names)

    def _ask(self, method: str, path: Value) -> None:
        if isinstance(path, str) and "/" in path:
            self.found[method, "/" + path.partition("?")[0].partition("/")[2]] += 1

    def _inside(self, known: tuple[Module, Function], call: ast.Call, given: list[Value], names: Names) -> Value:
        home, node = known
        if self.depth >= _DEEPEST:
            return _UNKNOWN
        arguments = dict(zip((one.arg for one in node.args.args), given, strict=False))
        arguments |= {one.arg: self.value(one.value, names) for one in call.keywords if one.arg}
        return Walk(home, self.found, self.depth + 1).function(node, home.names | arguments)

    def value(self, node: ast.AST, names: Names) -> Value:
        """What an expression is, as far as it can be told."""
        match node:
            case ast.Constant(value=str() as text):
                return text
            case ast.Name(id=name):
                return names.get(name, self.home.names.get(name, _UNKNOWN))
            case ast.JoinedStr(values=parts):
                return "".join(_text(self.value(one, names)) for one in parts)
            case ast.FormattedValue(value=inner) | ast.Await(value=inner) | ast.Starred(value=inner):
                return self.value(inner, names)
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                one, other = self.value(left, names), self.value(right, names)
                both_lists = isinstance(one, list) and isinstance(other, list)
                return one + other if both_lists else _text(one) + _text(other)
            case ast.IfExp(body=inner):
                return self.value(inner, names)
            case ast.List(elts=elements) | ast.Tuple(elts=elements) | ast.Set(elts=elements):
                found: list[Value] = []
                for one in elements:
                    value = self.value(one, names)
                    found += _items(value) if isinstance(one, ast.Starred) else [value]
                return found
            case ast.Dict(keys=keys, values=values):
                known = [(one, other) for one, other in zip(keys, values, strict=True) if one is not None]
                return {_text(self.value(one, names)): self.value(other, names) for one, other in known}
            case ast.Call(func=ast.Attribute(value=inner, attr="items")):
                mapping = self.value(inner, names)
                return [list(pair) for pair in mapping.items()] if isinstance(mapping, dict) else _UNKNOWN
            case ast.Call(func=ast.Name(id=name)) if name in self.home.functions:
                quiet = Walk(self.home, Counter(), self.depth + 1)
                arguments = [self.value(one, names) for one in node.args]
                return quiet._inside(self.home.functions[name], node, arguments, names)
        return _UNKNOWN


def _text(value: Value) -> str:
    return value if isinstance(value, str) else _UNKNOWN


def _items(value: Value) -> list[Value]:
    """What a loop over the value meets; once something unknown where that is all there is to know."""
    if isinstance(value, list):
        return value
    return list(value) if isinstance(value, dict) else [_UNKNOWN]


def _bind(target: ast.AST, value: Value, names: Names) -> None:
    if isinstance(target, ast.Name):
        names[target.id] = value
    elif isinstance(target, ast.Tuple | ast.List):
        known = value if isinstance(value, list) and len(value) == len(target.elts) else [_UNKNOWN] * len(target.elts)
        for one, part in zip(target.elts, known, strict=True):
            _bind(one, part, names)


def _parameters(node: Function, walk: Walk, names: Names) -> list[Names]:
    """The names that `pytest.mark.parametrize` gives, once for each case; once nothing where it is not there."""
    cases: list[Names] = [{}]
    for mark in node.decorator_list:
        if isinstance(mark, ast.Call) and isinstance(mark.func, ast.Attribute) and mark.func.attr == "parametrize":
            given = walk.value(mark.args[0], names)
            words = [one.strip() for one in given.split(",")] if isinstance(given, str) else _items(given)
            made: list[Names] = []
            for values in _items(walk.value(mark.args[1], names)):
                parts = [values] if len(words) == 1 else _items(values)
                made.append(dict(zip(words, parts, strict=False)))
            cases = [one | other for one in cases for other in made]
    return cases


def count_operations_of_file(path: Path) -> Counter[Operation]:
    """How often a file of tests asks each operation, roughly."""
    home, found = module(path), Counter[tuple[str, str]]()
    for node in home.tree.body:
        functions = node.body if isinstance(node, ast.ClassDef) else [node]
        for one in functions:
            if isinstance(one, Function):
                Walk(home, found).function(one, home.names)
    operations: Counter[Operation] = Counter()
    for (method, asked), count in found.items():
        operation = coverage.operation(method, asked)
        if operation is not None:
            operations[operation] += count
    return operations


def count_operations_of_tests() -> dict[str, Counter[Operation]]:
    """What each file of tests/api asks, by its name without `.py`."""
    return {path.stem: count_operations_of_file(path) for path in sorted((TESTS / "api").glob("test_*.py"))}
