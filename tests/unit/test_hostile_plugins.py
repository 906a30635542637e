"""The plugins that a measurement has misbehave: the server takes them, and a question makes them do it."""

from __future__ import annotations

import ast

import pytest
from bench.hostile_plugin_inputs import INPUTS, build_tool


@pytest.mark.parametrize("name", [name for name, misbehaviour in INPUTS.items() if misbehaviour.tool])
def test_each_tool_is_a_plugin_with_one_method(name: str) -> None:
    (tools,) = (node for node in ast.parse(build_tool(INPUTS[name])).body if isinstance(node, ast.ClassDef))
    (method,) = tools.body
    kind = ast.AsyncFunctionDef if INPUTS[name].is_async else ast.FunctionDef
    assert isinstance(method, kind) and method.name == "misbehave" and ast.get_docstring(method)


@pytest.mark.parametrize("name", [name for name, misbehaviour in INPUTS.items() if misbehaviour.function])
def test_each_function_is_one_class(name: str) -> None:
    (function,) = (node for node in ast.parse(INPUTS[name].function).body if isinstance(node, ast.ClassDef))
    assert function.name in ("Filter", "Pipe")


def test_each_input_misbehaves_in_one_way() -> None:
    for misbehaviour in INPUTS.values():
        ways = (misbehaviour.tool, misbehaviour.function, misbehaviour.operation, misbehaviour.mcp, misbehaviour.saves)
        assert sum(map(bool, ways)) == 1
