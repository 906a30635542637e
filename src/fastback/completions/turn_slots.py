"""How many turns may run at once, in all and of one user. A turn that a turn starts is counted, but never refused."""

from __future__ import annotations

from fastback.kit.http.errors import HttpError

#: Seconds after which a client may try again.
_RETRY_AFTER = {"Retry-After": "5"}


class TurnSlot:
    """The place of one turn among those that run, until it is released.

    Attributes:
        is_handed_over: whether a response releases it once its stream has ended, instead of the pipeline.
    """

    def __init__(self, slots: TurnSlots, user_id: str) -> None:
        self.is_handed_over = False
        self._slots: TurnSlots | None = slots
        self._user_id = user_id

    def release(self) -> None:
        """Give the place back; a second call has no effect."""
        if self._slots is not None:
            self._slots.remove(self._user_id)
            self._slots = None

    def __del__(self) -> None:
        self.release()  # a response was dropped before it was sent


class TurnSlots:
    """Count running turns, and refuse those beyond a limit."""

    def __init__(self, *, total: int, per_user: int) -> None:
        self._total = total
        self._per_user = per_user
        self._counts: dict[str, int] = {}
        self._running = 0

    @property
    def running(self) -> int:
        """Return the number of turns that run."""
        return self._running

    def require_free(self, user_id: str, count: int = 1) -> None:
        """Require that a user may start `count` turns now.

        Raises:
            HttpError: 429 where the user has too many turns, 503 where the server has.
        """
        if self._counts.get(user_id, 0) + count > self._per_user:
            text = f"Too many answers at once: {self._per_user} may be written for you at the same time."
            raise HttpError(429, text, _RETRY_AFTER)
        if self._running + count > self._total:
            raise HttpError(503, "The server is busy. Please try again in a moment.", _RETRY_AFTER)

    def add(self, user_id: str) -> TurnSlot:
        """Count a turn of a user."""
        self._counts[user_id] = self._counts.get(user_id, 0) + 1
        self._running += 1
        return TurnSlot(self, user_id)

    def remove(self, user_id: str) -> None:
        """Count a turn as ended; its slot calls this."""
        self._running -= 1
        self._counts[user_id] -= 1
        if not self._counts[user_id]:
            del self._counts[user_id]
