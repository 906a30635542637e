"""Find the operations that the tests request by reading their code, without running it.

`count_operations_of_tests()` walks the test files like an interpreter that knows only strings: constants, f-strings,
loops over literal values and calls of helpers. An unknown value becomes `x` in a path.
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
_CLIENT_METHODS = {"get": "GET", "post": "POST", "put": "PUT", "patch": "PATCH", "delete": "DELETE"}
_REQUEST_METHODS = ("ask", "request")
_HTTP_METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"})
_UNKNOWN = "x"
#: Helpers call helpers; no deeper level requests anything new.
_MAX_DEPTH = 6

#: A string, a list of values, or a dictionary of values.
Value = Any
Names = dict[str, Value]
Function = ast.FunctionDef | ast.AsyncFunctionDef


#: The requests and the returned value of a helper, by the helper, the depth of its call and its arguments.
_walked_helpers: dict[tuple[Function, int, str], tuple[Counter[tuple[str, str]], Value]] = {}


class SourceModule:
    """The constants and functions of a test file, including those that it imports from other test files."""

    def __init__(self, path: Path) -> None:
        self.tree = ast.parse(path.read_text(encoding="utf-8"))
        self.names: Names = {}
        self.functions: dict[str, tuple[SourceModule, Function]] = {}
        self.methods: dict[str, tuple[SourceModule, Function]] = {}
        for node in self.tree.body:
            if isinstance(node, ast.ImportFrom) and node.module and (TESTS / f"{node.module}.py").exists():
                other = load_module(TESTS / f"{node.module}.py")
                for alias in node.names:
                    self._import_name(alias.asname or alias.name, alias.name, other)
                self.methods |= other.methods
            elif isinstance(node, Function):
                self.functions[node.name] = (self, node)
            elif isinstance(node, ast.ClassDef):
                self.methods |= {method.name: (self, method) for method in node.body if isinstance(method, Function)}
        for node in self.tree.body:
            if isinstance(node, ast.Assign | ast.AnnAssign):
                RequestCounter(self, Counter()).walk_statement(node, self.names)

    def _import_name(self, local_name: str, original_name: str, source: SourceModule) -> None:
        if original_name in source.names:
            self.names[local_name] = source.names[original_name]
        if original_name in source.functions:
            self.functions[local_name] = source.functions[original_name]


@cache
def load_module(path: Path) -> SourceModule:
    return SourceModule(path)


class RequestCounter:
    """Walks functions and counts their requests by method and path."""

    def __init__(self, source: SourceModule, counts: Counter[tuple[str, str]], depth: int = 0) -> None:
        self.source = source
        self.counts = counts
        self.depth = depth

    def walk_function(self, node: Function, names: Names) -> Value:
        """Walk the body of a function and return the value of its first `return` statement."""
        names = dict(names)
        for argument in [*node.args.args, *node.args.kwonlyargs]:
            names.setdefault(argument.arg, _UNKNOWN)
        for parameters in _list_parameter_cases(node, self, names):
            self.walk_body(node.body, names | parameters)
        returned = [
            return_node.value
            for return_node in ast.walk(node)
            if isinstance(return_node, ast.Return) and return_node.value
        ]
        return RequestCounter(self.source, Counter(), _MAX_DEPTH).evaluate(returned[0], names) if returned else _UNKNOWN

    def walk_body(self, statements: list[ast.stmt], names: Names) -> None:
        for statement in statements:
            self.walk_statement(statement, names)

    def walk_statement(self, node: ast.AST, names: Names) -> None:
        if isinstance(node, ast.Assign | ast.AnnAssign):
            if node.value is not None:
                self.walk_expression(node.value, names)
                value = self.evaluate(node.value, names)
                for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                    _bind_target(target, value, names)
        elif isinstance(node, ast.For | ast.AsyncFor):
            self.walk_expression(node.iter, names)
            for item in _list_items(self.evaluate(node.iter, names)):
                _bind_target(node.target, item, names)
                self.walk_body(node.body, names)
            self.walk_body(node.orelse, names)
        elif isinstance(node, Function):
            self.walk_function(node, names)
        else:
            for child in ast.iter_child_nodes(node):
                if isinstance(child, ast.expr):
                    self.walk_expression(child, names)
                else:
                    self.walk_statement(child, names)

    def walk_expression(self, node: ast.AST, names: Names) -> None:
        """Count the requests of an expression."""
        if isinstance(node, ast.ListComp | ast.GeneratorExp | ast.SetComp | ast.DictComp):
            for bound_names in self._bind_generators(node.generators, names):
                for part in (node.key, node.value) if isinstance(node, ast.DictComp) else (node.elt,):
                    self.walk_expression(part, bound_names)
            return
        if isinstance(node, ast.Call):
            self._count_call(node, names)
        for child in ast.iter_child_nodes(node):
            self.walk_expression(child, names)

    def _bind_generators(self, generators: list[ast.comprehension], names: Names) -> Iterator[Names]:
        if not generators:
            yield names
            return
        first, *others = generators
        for item in _list_items(self.evaluate(first.iter, names)):
            bound_names = dict(names)
            _bind_target(first.target, item, bound_names)
            yield from self._bind_generators(others, bound_names)

    def _count_call(self, node: ast.Call, names: Names) -> None:
        arguments = [self.evaluate(argument, names) for argument in node.args]
        if isinstance(node.func, ast.Attribute):
            name = node.func.attr
            if name in _CLIENT_METHODS and arguments:
                self._count_request(_CLIENT_METHODS[name], arguments[0])
            elif name in _REQUEST_METHODS and len(arguments) > 1 and arguments[0] in _HTTP_METHODS:
                self._count_request(arguments[0], arguments[1])
            elif name in self.source.methods:
                self._walk_helper(self.source.methods[name], node, [_UNKNOWN, *arguments], names)
        elif isinstance(node.func, ast.Name) and node.func.id in self.source.functions:
            self._walk_helper(self.source.functions[node.func.id], node, arguments, names)

    def _count_request(self, method: str, path: Value) -> None:
        if isinstance(path, str) and "/" in path:
            self.counts[method, "/" + path.partition("?")[0].partition("/")[2]] += 1

    def _walk_helper(
        self, helper: tuple[SourceModule, Function], call: ast.Call, values: list[Value], names: Names
    ) -> Value:
        source, node = helper
        if self.depth >= _MAX_DEPTH:
            return _UNKNOWN
        arguments = dict(zip((argument.arg for argument in node.args.args), values, strict=False))
        arguments |= {keyword.arg: self.evaluate(keyword.value, names) for keyword in call.keywords if keyword.arg}
        # The same helpers are called with the same arguments thousands of times.
        key = (node, self.depth, repr(arguments))
        if key not in _walked_helpers:
            counts = Counter[tuple[str, str]]()
            value = RequestCounter(source, counts, self.depth + 1).walk_function(node, source.names | arguments)
            _walked_helpers[key] = counts, value
        counts, value = _walked_helpers[key]
        self.counts.update(counts)
        return value

    def evaluate(self, node: ast.AST, names: Names) -> Value:
        """Return the value of an expression, with `x` for its unknown parts."""
        match node:
            case ast.Constant(value=str() as text):
                return text
            case ast.Name(id=name):
                return names.get(name, self.source.names.get(name, _UNKNOWN))
            case ast.JoinedStr(values=parts):
                return "".join(_convert_to_text(self.evaluate(part, names)) for part in parts)
            case ast.FormattedValue(value=inner) | ast.Await(value=inner) | ast.Starred(value=inner):
                return self.evaluate(inner, names)
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                first, second = self.evaluate(left, names), self.evaluate(right, names)
                both_lists = isinstance(first, list) and isinstance(second, list)
                return first + second if both_lists else _convert_to_text(first) + _convert_to_text(second)
            case ast.IfExp(body=inner):
                return self.evaluate(inner, names)
            case ast.List(elts=elements) | ast.Tuple(elts=elements) | ast.Set(elts=elements):
                items: list[Value] = []
                for element in elements:
                    value = self.evaluate(element, names)
                    items += _list_items(value) if isinstance(element, ast.Starred) else [value]
                return items
            case ast.Dict(keys=keys, values=values):
                pairs = [(key, value) for key, value in zip(keys, values, strict=True) if key is not None]
                return {
                    _convert_to_text(self.evaluate(key, names)): self.evaluate(value, names) for key, value in pairs
                }
            case ast.Call(func=ast.Attribute(value=inner, attr="items")):
                mapping = self.evaluate(inner, names)
                return [list(pair) for pair in mapping.items()] if isinstance(mapping, dict) else _UNKNOWN
            case ast.Call(func=ast.Name(id=name)) if name in self.source.functions:
                uncounted = RequestCounter(self.source, Counter(), self.depth + 1)
                arguments = [self.evaluate(argument, names) for argument in node.args]
                return uncounted._walk_helper(self.source.functions[name], node, arguments, names)
        return _UNKNOWN


def _convert_to_text(value: Value) -> str:
    return value if isinstance(value, str) else _UNKNOWN


def _list_items(value: Value) -> list[Value]:
    """Return the items that a loop over the value yields; a single unknown item for an unknown value."""
    if isinstance(value, list):
        return value
    return list(value) if isinstance(value, dict) else [_UNKNOWN]


def _bind_target(target: ast.AST, value: Value, names: Names) -> None:
    if isinstance(target, ast.Name):
        names[target.id] = value
    elif isinstance(target, ast.Tuple | ast.List):
        values = value if isinstance(value, list) and len(value) == len(target.elts) else [_UNKNOWN] * len(target.elts)
        for element, part in zip(target.elts, values, strict=True):
            _bind_target(element, part, names)


def _list_parameter_cases(node: Function, walk: RequestCounter, names: Names) -> list[Names]:
    """Return the parameters of each case of `pytest.mark.parametrize`; one empty case without that mark."""
    cases: list[Names] = [{}]
    for mark in node.decorator_list:
        if isinstance(mark, ast.Call) and isinstance(mark.func, ast.Attribute) and mark.func.attr == "parametrize":
            argument_names = walk.evaluate(mark.args[0], names)
            words = (
                [name.strip() for name in argument_names.split(",")]
                if isinstance(argument_names, str)
                else _list_items(argument_names)
            )
            parameter_sets: list[Names] = []
            for values in _list_items(walk.evaluate(mark.args[1], names)):
                parts = [values] if len(words) == 1 else _list_items(values)
                parameter_sets.append(dict(zip(words, parts, strict=False)))
            cases = [case | parameters for case in cases for parameters in parameter_sets]
    return cases


def count_operations_of_file(test_file: Path) -> Counter[Operation]:
    """Return how often a test file requests each operation, approximately."""
    source, counts = load_module(test_file), Counter[tuple[str, str]]()
    for node in source.tree.body:
        functions = node.body if isinstance(node, ast.ClassDef) else [node]
        for function in functions:
            if isinstance(function, Function):
                RequestCounter(source, counts).walk_function(function, source.names)
    operations: Counter[Operation] = Counter()
    for (method, path), count in counts.items():
        operation = coverage.find_operation(method, path)
        if operation is not None:
            operations[operation] += count
    return operations


def count_operations_of_tests() -> dict[str, Counter[Operation]]:
    """Return the operations that each file of tests/api requests, by the file's name without `.py`."""
    return {path.stem: count_operations_of_file(path) for path in sorted((TESTS / "api").glob("test_*.py"))}
