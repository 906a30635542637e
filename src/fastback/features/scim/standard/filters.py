"""Translation of filters into conditions of SQL, and the test of single resources."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from typing import Any, Literal

import msgspec
from scim2_models import Resource, ScimFilter
from scim2_models.path import (
    AttributeBinding,
    Comparison,
    FilterNode,
    FilterVisitor,
    LogicalExpr,
    LogicalOperator,
    Not,
    Present,
    ValuePath,
    coerce_value,
)

from fastback.features.scim.condition_store import (
    ANY_ROW,
    NO_ROW,
    Column,
    Condition,
    ConditionBuilder,
    join_conditions,
    negate_condition,
)
from fastback.features.scim.standard.resources import Group, User

_MODELS: dict[str, type[Resource[Any]]] = {"User": User, "Group": Group}


def bind_filter(scim_filter: ScimFilter[Any], kind: str) -> ScimFilter[Any]:
    """Return a filter for one type of resource. Attributes of other types have no value in it."""
    model: Any = _MODELS[kind]
    return ScimFilter[model](scim_filter.ast)


def translate_filter(
    scim_filter: ScimFilter[Any], columns: Mapping[str, Column], builder: ConditionBuilder
) -> Condition:
    """Return the condition of a filter that is bound to one type of resource."""
    return _Translator(scim_filter, columns, builder).visit(scim_filter.ast)


def find_equal_value(scim_filter: ScimFilter[Any], attribute: str) -> str | None:
    """Return the text that a filter of one comparison wants an attribute to equal, or None for other filters."""
    node = scim_filter.ast
    if not isinstance(node, Comparison) or node.op != "eq" or node.attr_path.sub_attr is not None:
        return None
    return node.value if node.attr_path.attr.lower() == attribute.lower() and isinstance(node.value, str) else None


def names_attribute(node: FilterNode, attribute: str) -> bool:
    """Return whether a filter compares an attribute."""
    if isinstance(node, LogicalExpr):
        return any(names_attribute(term, attribute) for term in node.terms)
    if isinstance(node, Not):
        return names_attribute(node.expr, attribute)
    return isinstance(node, (Comparison, Present, ValuePath)) and node.attr_path.attr.lower() == attribute.lower()


def match_resources(
    scim_filter: ScimFilter[Any], kind: str, list_contents: Callable[[], list[dict[str, Any]]]
) -> list[bool]:
    """Return which of the resources that a function lists match a filter; for threads."""
    model = _MODELS[kind]
    return [scim_filter.match(_construct_resource(model, msgspec.to_builtins(content))) for content in list_contents()]


def _construct_resource(model: Any, content: dict[str, Any]) -> Any:
    """Return a resource from the object that a response contains, without the validation of what is valid already."""
    fields = {model.__scim_info__.alias_to_field[name]: value for name, value in content.items()}
    for name, value in fields.items():
        kind = model.get_field_root_type(name)
        if isinstance(value, list) and value and isinstance(value[0], dict):
            fields[name] = [_construct_resource(kind, item) for item in value]
        elif isinstance(value, dict):
            fields[name] = _construct_resource(kind, value)
        elif kind is datetime.datetime:
            fields[name] = datetime.datetime.fromisoformat(value)
    return model.model_construct(**fields)


def _name_attribute(binding: AttributeBinding) -> str:
    return f"{binding.field_name}.{binding.sub_field_name}" if binding.sub_field_name else binding.field_name


class _Translator(FilterVisitor[Condition]):
    """Translates the nodes of a filter."""

    def __init__(self, scim_filter: ScimFilter[Any], columns: Mapping[str, Column], builder: ConditionBuilder) -> None:
        self._filter = scim_filter
        self._columns = columns
        self._builder = builder

    def visit_comparison(self, node: Comparison) -> Condition:
        binding = self._filter.resolve_comparison(node.attr_path, strict=False)
        if binding is None:
            return NO_ROW
        column = self._columns.get(_name_attribute(binding))
        if column is None or node.value is None:
            return ANY_ROW
        value = coerce_value(binding, node.value, node.op)
        if isinstance(value, datetime.datetime):
            if value.tzinfo is None:
                return ANY_ROW
            value = value.timestamp()
        return self._builder.compare(column, node.op.value, value)

    def visit_present(self, node: Present) -> Condition:
        binding = self._filter.resolve(node.attr_path, strict=False)
        if binding is None:
            return NO_ROW
        column = self._columns.get(_name_attribute(binding))
        return ANY_ROW if column is None else self._builder.test_presence(column)

    def visit_not(self, node: Not) -> Condition:
        return negate_condition(self.visit(node.expr))

    def visit_logical_expr(self, node: LogicalExpr) -> Condition:
        word: Literal["AND", "OR"] = "AND" if node.op == LogicalOperator.and_ else "OR"
        return join_conditions(word, [self.visit(term) for term in node.terms])

    def visit_value_path(self, node: ValuePath) -> Condition:
        binding = self._filter.resolve(node.attr_path, strict=False)
        if binding is None:
            return NO_ROW
        return _ValueTranslator(binding.field_name, self._columns, self._builder).visit(node.val_filter)


class _ValueTranslator(FilterVisitor[Condition]):
    """Translates the filter of a value path: several comparisons in it must hold for the same value.

    The conditions say that each holds for some value, so more rows fulfil them.
    """

    def __init__(self, attribute: str, columns: Mapping[str, Column], builder: ConditionBuilder) -> None:
        self._attribute = attribute
        self._columns = columns
        self._builder = builder

    def visit_comparison(self, node: Comparison) -> Condition:
        column = self._columns.get(f"{self._attribute}.{node.attr_path.attr.lower()}")
        if column is None or node.op == "ne":
            return ANY_ROW
        return self._builder.compare(column, node.op.value, node.value)

    def visit_present(self, node: Present) -> Condition:
        return ANY_ROW

    def visit_not(self, node: Not) -> Condition:
        return ANY_ROW

    def visit_logical_expr(self, node: LogicalExpr) -> Condition:
        word: Literal["AND", "OR"] = "AND" if node.op == LogicalOperator.and_ else "OR"
        return join_conditions(
            word, [*(self.visit(term) for term in node.terms), *([ANY_ROW] if word == "AND" else [])]
        )

    def visit_value_path(self, node: ValuePath) -> Condition:
        return ANY_ROW  # the grammar has no value path within another
