"""Places that uploaded files can be uploaded for, besides being stored: features above files register theirs."""

from __future__ import annotations

from typing import Any, Protocol

from fastback.access.identity import User
from fastback.features.files.store import FileSummary
from fastback.providers.request_context import RequestContext


class UploadTarget(Protocol):
    """A place for uploads, knowledge for instance, which the metadata of an upload may name."""

    def is_named_by(self, metadata: dict[str, Any]) -> bool:
        """Return whether the metadata of an upload name this target."""
        ...

    async def add_file(self, file: FileSummary, metadata: dict[str, Any], user: User, ctx: RequestContext) -> None:
        """Add a file whose text has been read to the place that its metadata name.

        Raises:
            RetrievalError: adding it failed; the message becomes the file's error.
        """
        ...


class UploadTargets:
    """The registered targets."""

    def __init__(self) -> None:
        self._targets: list[UploadTarget] = []

    def register(self, target: UploadTarget) -> None:
        self._targets.append(target)

    def list_named(self, metadata: dict[str, Any]) -> list[UploadTarget]:
        """List the targets that the metadata of an upload name."""
        return [target for target in self._targets if target.is_named_by(metadata)]
