"""Conditions of filters in SQL: comparisons of columns with values, joined by AND, OR and NOT.

A condition that cannot be expressed becomes one that more rows fulfil, and is marked: its rows are tested again.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal, NamedTuple

Operator = Literal["eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le"]

_ORDERING = {"gt": ">", "ge": ">=", "lt": "<", "le": "<="}


class Column(NamedTuple):
    """What a filter may compare.

    Attributes:
        kind: the case of `text` does not matter, that of `exact` does; a `time` is in seconds; a `flag` is a condition.
        sql: the expression of the value, never NULL unless `is_nullable`.
        equality: the condition of `eq`, where it is another one, never NULL; `{value}` is the place of the value.
        elements: further values, or all of them if `sql` is empty: by dialect, a condition that one of them fulfils, in
            which `{test}` is the place of the test of `e.value`.
    """

    kind: Literal["text", "exact", "time", "flag"]
    sql: str
    is_nullable: bool = False
    equality: str = ""
    elements: dict[str, str] | None = None


class Condition(NamedTuple):
    """A condition; unless it `is_exact`, rows that fulfil it may not match the filter."""

    sql: str
    is_exact: bool = True


#: What every row fulfils, although not every row matches.
ANY_ROW = Condition("TRUE", is_exact=False)
NO_ROW = Condition("FALSE")


class ConditionBuilder:
    """Builds the conditions of one filter, and collects their parameters."""

    def __init__(self, dialect: str) -> None:
        self._dialect = dialect
        self.params: dict[str, Any] = {}

    def _add_parameter(self, value: Any) -> str:
        name = f"value_{len(self.params)}"
        self.params[name] = value
        return f":{name}"

    def compare(self, column: Column, operator: Operator, value: Any) -> Condition:
        """Return the condition that a column, or one of its elements, compares with a value."""
        if operator == "ne":
            equal = self.compare(column, "eq", value)
            return Condition(f"NOT ({equal.sql})") if equal.is_exact else ANY_ROW
        if column.kind == "flag":
            return Condition(column.sql if value else f"NOT ({column.sql})") if operator == "eq" else ANY_ROW
        if column.kind == "time":
            return self._compare_time(column, operator, value)
        if not isinstance(value, str):
            return ANY_ROW
        return self._compare_text(column, operator, value)

    def _compare_time(self, column: Column, operator: Operator, value: Any) -> Condition:
        sign = "=" if operator == "eq" else _ORDERING.get(operator)
        if sign is None or not isinstance(value, (int, float)):
            return ANY_ROW
        return Condition(f"{column.sql} {sign} CAST({self._add_parameter(float(value))} AS DOUBLE PRECISION)")

    def _compare_text(self, column: Column, operator: Operator, value: str) -> Condition:
        if operator == "eq":
            parameter = self._add_parameter(value.lower() if column.kind == "text" else value)
            if column.equality:
                return Condition(f"({column.equality.replace('{value}', parameter)})")
            test = f"= {parameter}"
        elif operator in ("co", "sw", "ew") and column.kind == "text":
            escaped = value.lower().replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
            pattern = ("%" if operator != "sw" else "") + escaped + ("%" if operator != "ew" else "")
            test = f"LIKE {self._add_parameter(pattern)} ESCAPE '\\'"
        else:
            return ANY_ROW  # the databases sort texts by other rules
        tests = [self._test(test, column)] if column.sql else []
        if column.elements is not None:
            element = "lower(e.value)" if column.kind == "text" else "e.value"
            tests.append(column.elements[self._dialect].replace("{test}", f"{element} {test}"))
        return Condition(f"({' OR '.join(tests)})")

    @staticmethod
    def _test(test: str, column: Column) -> str:
        tested = f"lower({column.sql}) {test}" if column.kind == "text" else f"{column.sql} {test}"
        return f"coalesce({tested}, FALSE)" if column.is_nullable else tested

    def test_presence(self, column: Column) -> Condition:
        """Return the condition that a column has a value."""
        if not column.sql and column.elements is not None:
            return Condition(column.elements[self._dialect].replace("{test}", "TRUE"))
        if column.kind in ("flag", "time"):
            return Condition("TRUE")
        return Condition(f"coalesce({column.sql}, '') <> ''")


def join_conditions(word: Literal["AND", "OR"], conditions: Iterable[Condition]) -> Condition:
    """Return the conjunction or the disjunction of conditions."""
    terms = list(conditions)
    sql = f" {word} ".join(term.sql for term in terms)
    return Condition(f"({sql})", all(term.is_exact for term in terms))


def negate_condition(condition: Condition) -> Condition:
    """Return the opposite of a condition."""
    return Condition(f"NOT ({condition.sql})") if condition.is_exact else ANY_ROW
