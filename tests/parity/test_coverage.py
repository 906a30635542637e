"""Nothing is built that no test asks."""

from __future__ import annotations

import operation_coverage
from parity import coverage


def test_every_operation_that_is_built_is_asked_by_a_test() -> None:
    found = {
        one
        for names in (coverage.of_scenarios(), operation_coverage.count_operations_of_tests())
        for counts in names.values()
        for one in counts
    }
    left = sorted(f"{one.method} {one.path}" for one in coverage.operations_built() - found)
    assert not left, "no scenario and no test asks " + ", ".join(left)
