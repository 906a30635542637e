"""Report the failure of a command."""

from __future__ import annotations

import sys

from fastback.kit.log import redact_secrets


def report_failure(text: str) -> int:
    """Print the reason of a failure on one line of standard error, without secrets, and return exit code 1."""
    print(f"fastback: {redact_secrets(text)}", file=sys.stderr)
    return 1
