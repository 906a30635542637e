"""Errors of calls to another process."""

from __future__ import annotations

from typing import Any


class RemoteFailure(Exception):
    """The other process could not do what was asked for.

    A handler raises it to choose what its caller sees; of any other error the caller sees type and text.

    Attributes:
        kind: what failed, for code: the name of an error class, or a word such as `not_found`.
        detail: more about it, a value of MessagePack.
    """

    def __init__(self, kind: str, text: str, detail: Any = None) -> None:
        super().__init__(text)
        self.kind = kind
        self.detail = detail


class ChannelClosed(Exception):
    """The other process is gone, or its connection was closed; whether a call was carried out is not known."""


def describe_error(error: BaseException) -> str:
    """Return the text of an error, or the name of its class where it has none, as that of no memory."""
    return str(error) or type(error).__name__
