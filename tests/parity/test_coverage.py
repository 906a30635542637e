"""Every built operation is requested by a scenario or a test."""

from __future__ import annotations

import operation_coverage
from parity import coverage


def test_every_built_operation_is_requested_by_a_test() -> None:
    requested = {
        operation
        for counts_by_name in (
            coverage.count_operations_of_scenarios(),
            operation_coverage.count_operations_of_tests(),
        )
        for counts in counts_by_name.values()
        for operation in counts
    }
    missing = sorted(
        f"{operation.method} {operation.path}" for operation in coverage.list_built_operations() - requested
    )
    assert not missing, "no scenario and no test requests " + ", ".join(missing)
