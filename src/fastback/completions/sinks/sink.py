"""What every sink of a turn offers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastback.providers.upstream import UpstreamResponse

if TYPE_CHECKING:
    from fastback.completions.turn import Turn

Status = dict[str, Any]


class Sink:
    """Take what comes out of one turn. A subclass overrides `deliver` and `fail`, and whatever else it can show."""

    async def show_status(self, status: Status) -> None:
        """Show a line above the answer: `{action, description?, done, …}` says what is being done for it."""

    async def show_compaction(self, progress: Status) -> None:
        """Show how far the compaction of the conversation has come."""

    async def emit(self, kind: str, data: Any = None) -> None:
        """Send a socket message to the page."""

    async def begin(self, turn: Turn) -> None:
        """The turn is prepared; the model is asked next."""

    async def deliver(self, turn: Turn, upstream: UpstreamResponse) -> None:
        """Take the server's response, and close it once it is read."""
        raise NotImplementedError

    async def finish(self, turn: Turn) -> None:
        """Store the answer that has come to its end. Called for turns of a chat on the page."""

    async def cancel(self) -> None:
        """The turn was cancelled: keep what there is of the answer."""

    async def fail(self, error: Exception) -> None:
        """Show why the turn failed, or raise what shows it."""
        raise NotImplementedError

    async def close(self) -> None:
        """The turn is over, however it ended."""
