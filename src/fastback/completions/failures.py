"""What a person reads of a turn that failed."""

from __future__ import annotations

from fastback.completions.answer_builder import ProviderStreamError
from fastback.kit.http.errors import HttpError
from fastback.providers.upstream import ProviderRefusal, find_error_text

#: Failures whose text is meant for people. Anything else is a broken connection or a fault of the program.
EXPECTED_FAILURES = (ProviderRefusal, ProviderStreamError, HttpError)


def describe_failure(error: Exception) -> str:
    """Return the text to show for an error that ended a turn."""
    if isinstance(error, ProviderRefusal):
        return error.detail()
    if isinstance(error, (ProviderStreamError, HttpError)):
        return find_error_text(error.detail)
    return str(error) or type(error).__name__
