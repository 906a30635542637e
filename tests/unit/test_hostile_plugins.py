"""The plugins that a measurement has misbehave: the server takes them, and a question makes them do it."""

from __future__ import annotations

import ast

import pytest
from bench.hostile_plugin_inputs import INPUTS, build_tool


@pytest.mark.parametrize("name", [name for name, misbehaviour in INPUTS.items() if misbehaviour.body])
def test_each_tool_is_a_plugin_with_one_method(name: str) -> None:
    (tools,) = (node for node in ast.parse(build_tool(INPUTS[name])).body if isinstance(node, ast.ClassDef))
    (method,) = tools.body
    kind = ast.AsyncFunctionDef if INPUTS[name].is_async else ast.FunctionDef
    assert isinstance(method, kind) and method.name == "misbehave" and ast.get_docstring(method)


def test_each_input_misbehaves_in_one_way() -> None:
    for misbehaviour in INPUTS.values():
        assert sum(map(bool, (misbehaviour.body, misbehaviour.filter_code, misbehaviour.operation))) == 1
