"""Failures of sign-ins at providers."""

from __future__ import annotations

from fastback import messages

#: Characters of a reason in a log line: some reasons are texts of a provider.
_MAX_REASON = 200


def clean_reason(text: str) -> str:
    """Return a text as one short line for a log."""
    line = " ".join("".join(char if char.isprintable() else " " for char in text[: 4 * _MAX_REASON]).split())
    return line if len(line) <= _MAX_REASON else f"{line[: _MAX_REASON - 1]}…"


class ProviderError(Exception):
    """A provider cannot be reached, refuses a request, or sends something invalid; the text is for the log."""

    def __init__(self, reason: str) -> None:
        super().__init__(clean_reason(reason))


class ProviderRefusal(ProviderError):
    """The provider says that a code or a token is not valid, or not any more."""


class SignInRefused(Exception):
    """A sign-in is refused; `detail` is the text that the person sees, `reason` is for the log.

    `status` is that of the response to a program; a browser is sent to the sign-in page.
    """

    def __init__(self, reason: str, *, detail: str = messages.OAUTH_LOGIN_FAILED, status: int = 400) -> None:
        super().__init__(clean_reason(reason))
        self.detail = detail
        self.status = status
