"""The interface to the other processes of an installation."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NamedTuple, Protocol

Listener = Callable[[bytes], Awaitable[None] | None]
GapListener = Callable[[], Awaitable[None] | None]


class StreamEntry(NamedTuple):
    """An entry of a stream; ids grow."""

    id: int
    content: bytes


class Lease(Protocol):
    """The right to do something alone for some seconds."""

    @property
    def name(self) -> str: ...

    @property
    def token(self) -> int:
        """The fencing token: it grows with each holder, so that what an earlier holder writes can be refused."""

    async def renew(self) -> bool:
        """Extend the lease by its seconds; return False where it has expired, and may be another's."""

    async def release(self) -> None:
        """End the lease, unless it has expired."""


class Cluster(Protocol):
    """The processes of one installation. Names are of the form `subject:id`; values are bytes.

    Nothing here lasts: what must survive a restart is in the database.
    """

    @property
    def node_id(self) -> str:
        """The id of this process, new at each start."""

    @property
    def spans_processes(self) -> bool:
        """Whether there may be other processes; where not, nothing needs to be sent."""

    @property
    def has_gaps(self) -> bool:
        """Whether messages may have been lost of which the gap listeners have not heard yet."""

    async def publish(self, channel: str, message: bytes, *, is_kept: bool = False) -> None:
        """Send a message to the listeners of a channel in every process, this one included.

        The listeners in this process have been called when it returns; it does not wait for other processes. They
        receive the messages of a process in order, and after its changes of entries, counters and leases so far.
        Messages are lost in an outage of Redis; one that `is_kept` is sent when it is over, before others of its kind.
        """

    def subscribe(self, channel: str, listener: Listener) -> Callable[[], None]:
        """Call `listener` with each message of a channel, in order; return a function that ends it.

        Where the listener fails, the error is logged. Replies to what this process publishes afterwards are received.
        """

    def subscribe_to_gaps(self, listener: GapListener) -> None:
        """Call `listener` when messages of other processes may have been lost, for example in an outage of Redis."""

    def drop_kept_messages(self) -> None:
        """Drop the messages that are kept in an outage: they are stale."""

    def measure_waiting(self) -> dict[str, int]:
        """Return the numbers of messages that wait, by direction; nothing where nothing is sent.

        `out` are those that Redis does not have yet, `in` those of other processes that wait for their listeners.
        """

    async def acquire_lease(self, name: str, *, seconds: float) -> Lease | None:
        """Return a lease that expires after `seconds` unless renewed, or None where another holds it."""

    async def increment(self, name: str, amount: int = 1, *, expires_in: float | None = None) -> int:
        """Change a counter, which begins at 0, and return it.

        It is dropped `expires_in` seconds after its last change.
        """

    async def read_counter(self, name: str) -> int:
        """Return a counter; 0 where it was never changed."""

    async def put_entry(self, table: str, key: str, value: bytes, *, expires_in: float | None = None) -> None:
        """Store a value under a key of a table; it is dropped after `expires_in` seconds.

        After an outage a process stores its entries again where they are missing.
        """

    async def get_entry(self, table: str, key: str) -> bytes | None:
        """Return the value under a key of a table, or None."""

    async def list_entries(self, table: str) -> dict[str, bytes]:
        """Return the values of a table by key."""

    async def delete_entry(self, table: str, key: str) -> bool:
        """Delete the value under a key of a table and return whether there was one."""

    async def append(self, stream: str, content: bytes, *, expires_in: float, limit: int = 10_000) -> int:
        """Append an entry to a stream and return its id.

        The stream keeps the last `limit` entries, and is dropped `expires_in` seconds after the last one.
        """

    async def read_stream(self, stream: str, *, after: int = 0) -> list[StreamEntry]:
        """Return the entries of a stream after an id, in order."""

    async def close(self) -> None:
        """End every subscription and release what this process holds."""
