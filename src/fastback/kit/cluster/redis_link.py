"""The link of a process to Redis: whether it is up, the messages it sends, and the channels it hears.

One task keeps a connection for messages. When it breaks, or a command fails, the link is down: commands are not tried
until the task has connected again, so a Redis that hangs delays one command by a second and no other. Messages that are
sent meanwhile are dropped, and every process hears of the gap when the link is up again. Those that are kept wait: they
are sent when the other processes are back, too.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from itertools import groupby
from typing import Any

from fastback.kit.cluster.redis_backlog import Backlog, Order, get_rejoin_seconds
from fastback.kit.cluster.redis_commands import publish_all
from fastback.kit.cluster.task_cancellation import cancel_and_wait
from fastback.kit.redis import COMMAND_SECONDS, Redis

log = logging.getLogger("fastback.cluster")

#: Seconds that connecting may take.
_CONNECT_SECONDS = 2.0
#: Seconds without a message after which Redis is pinged; after twice as many without a reply, the connection is lost.
_PING_SECONDS = 2.0
#: Seconds until a connection is tried again, at first and at most.
_FIRST_RETRY, _LAST_RETRY = 0.1, 3.0
#: Seconds that sending a batch may take. Nobody waits for it, and the machine may be busy.
_SEND_SECONDS = 5.0
#: Seconds after which what has not ended is cancelled again: the work of a connection, and all of the link.
_CANCEL_SECONDS, _CLOSE_SECONDS = 0.2, 3.0
#: How often it is looked whether everything has been sent at the end.
_CLOSING_STEPS = 200
#: Messages that may wait to be sent, and those that are sent at once.
_MAX_WAITING, _MAX_BATCH = 20_000, 500


class _LinkLost(Exception):
    """The connection for messages is useless; the text says why."""


class _LinkSilent(_LinkLost, TimeoutError):
    """Redis does not answer in time."""


class RedisLink:
    """Keep a process connected.

    `receive` is called with each message of a subscribed channel, `on_connect` whenever the link has come up. While it
    is down, commands of `redis` fail at once.
    """

    def __init__(
        self, redis: Redis, *, receive: Callable[[str, bytes], None], on_connect: Callable[[], Awaitable[None]]
    ) -> None:
        self._redis = redis
        self._receive = receive
        self._on_connect = on_connect
        redis.is_up = False
        redis.on_loss = self._note_loss
        #: When the link came up, and when it was lost (`time.monotonic()`).
        self._up_since: float | None = None
        self._down_since: float | None = None
        #: Why it was lost.
        self._loss: BaseException | None = None
        self._channels: set[str] = set()
        self._prefix = redis.prefixed_key("cluster:message:")
        self._orders: deque[Order] = deque()
        #: The orders that are being carried out.
        self._batch: list[Order] = []
        #: Messages that wait until the other processes are back, and what sends them then.
        self._backlog = Backlog()
        self._release: asyncio.TimerHandle | None = None
        #: Whether messages of this process or of others may have been lost since the last `on_connect`.
        self.has_lost_messages = False
        self._has_orders = asyncio.Event()
        #: Channels whose subscription Redis has not confirmed yet.
        self._unconfirmed: set[str] = set()
        self._confirmed = asyncio.Event()
        #: Set when a command has failed.
        self._lost = asyncio.Event()
        #: Set when the first attempt to connect has ended.
        self._settled = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    # Messages

    def send(self, channel: str, message: bytes, *, is_kept: bool = False) -> None:
        """Send a message after everything that was ordered before; while the link is down it waits, or is dropped."""
        self._order(Order("publish", channel, message, is_kept))

    def drop_backlog(self) -> None:
        """Drop the messages that wait."""
        self._backlog.take_all()

    def subscribe(self, channel: str) -> None:
        """Receive a channel. Messages that are sent afterwards are sent when Redis has confirmed it."""
        self._channels.add(channel)
        self._order(Order("subscribe", channel))

    def unsubscribe(self, channel: str) -> None:
        """Receive a channel no longer."""
        self._channels.discard(channel)
        self._order(Order("unsubscribe", channel))

    def _order(self, order: Order) -> None:
        if order.is_kept and (self._backlog or not self._redis.is_up):
            self._backlog.add(order)
            return
        if not self._redis.is_up:
            self.has_lost_messages = self.has_lost_messages or order.kind == "publish"
            return
        self._orders.append(order)
        self._has_orders.set()
        if len(self._orders) > _MAX_WAITING:
            self._note_loss(_LinkLost(f"{_MAX_WAITING} messages wait to be sent"))

    def count_waiting(self) -> int:
        """Return how much has been ordered and is not carried out, kept messages included."""
        return len(self._orders) + len(self._batch) + len(self._backlog)

    @property
    def is_idle(self) -> bool:
        """Whether everything that was ordered has been carried out."""
        return not self._orders and not self._batch

    # The connection

    async def start(self) -> None:
        """Begin to connect, and wait until the first attempt has ended."""
        self._task = asyncio.get_running_loop().create_task(self._keep_connected())
        await self._settled.wait()

    async def close(self) -> None:
        """Send what waits, within a moment, and end the connection."""
        self._send_backlog()
        for _ in range(_CLOSING_STEPS):
            if not self._redis.is_up or self.is_idle:
                break
            await asyncio.sleep(COMMAND_SECONDS / _CLOSING_STEPS)
        self._redis.is_up = False
        if self._task is not None:
            await cancel_and_wait([self._task], patience=_CLOSE_SECONDS)

    def _note_loss(self, error: BaseException) -> None:
        """Count the link as down, and log it if it was not."""
        self._lost.set()
        self._redis.is_up = False
        self.has_lost_messages = True
        if self._down_since is None:
            self._down_since, self._loss = time.monotonic(), error
            reason = str(error) or type(error).__name__
            log.warning("Redis does not answer, so this process goes on alone; retrying: %s", reason)

    async def _keep_connected(self) -> None:
        delay = _FIRST_RETRY
        while True:
            try:
                await self._run_connection()
            except asyncio.CancelledError:
                raise
            except Exception as error:
                if not isinstance(error, (_LinkLost, TimeoutError, *self._redis.errors)):
                    log.exception("the connection to Redis failed")
                lasted = self._up_since is not None and time.monotonic() - self._up_since > _LAST_RETRY
                delay = _FIRST_RETRY if lasted else min(2 * delay, _LAST_RETRY)
                self._up_since = None
                self._note_loss(error)
                self._keep_unsent()
            self._settled.set()
            await asyncio.sleep(delay * random.uniform(0.75, 1.25))

    async def _run_connection(self) -> None:
        """Connect, and send and receive until the connection is lost, which raises its error."""
        async with AsyncExitStack() as stack:
            stack.callback(self._note_disconnected)
            async with asyncio.timeout(_CONNECT_SECONDS):
                client = await stack.enter_async_context(self._redis.connect_for_messages())
                pubsub = client.pubsub()
                stack.push_async_callback(_close_quietly, pubsub)
                await self._subscribe_all(pubsub)
            self._lost.clear()
            self._redis.is_up = True  # for `on_connect`, which runs commands
            await self._on_connect()
            if self._lost.is_set():
                raise _LinkLost("it was lost again at once")
            self._note_up()
            await self._serve(client, pubsub)

    def _note_disconnected(self) -> None:
        self._redis.is_up = False
        self._unconfirmed.clear()

    def _note_up(self) -> None:
        now = self._up_since = time.monotonic()
        outage = 0.0 if self._down_since is None else now - self._down_since
        if self._down_since is not None:
            log.info("Redis answers again after %.0f s", outage)
            self._down_since = self._loss = None
        self._release = asyncio.get_running_loop().call_later(get_rejoin_seconds(outage), self._send_backlog)
        self._settled.set()

    def _send_backlog(self) -> None:
        if self._redis.is_up and self._backlog:
            self._orders.extend(self._backlog.take_all())
            self._has_orders.set()

    def _keep_unsent(self) -> None:
        """Keep what was not sent when the link was lost, without a batch that a slow Redis may have got."""
        if self._release is not None:
            self._release.cancel()
        batch = [] if self._loss is None or self._redis.is_late(self._loss) else self._batch
        self._backlog.add_earlier((*batch, *self._orders))
        self._batch = []
        self._orders.clear()

    async def _subscribe_all(self, pubsub: Any) -> None:
        """Subscribe to every channel, and wait for the confirmations."""
        channels = set(self._channels)
        self._unconfirmed = set(channels)
        await pubsub.subscribe(*(self._prefix + channel for channel in channels))
        while self._unconfirmed:
            self._handle(await pubsub.get_message(timeout=_CONNECT_SECONDS))
        # What was subscribed meanwhile is still to come.
        self._orders.clear()
        self._orders.extend(Order("subscribe", channel) for channel in self._channels - channels)

    async def _serve(self, client: Any, pubsub: Any) -> None:
        work = [
            asyncio.ensure_future(task)
            for task in (self._read_messages(pubsub), self._send_orders(client, pubsub), self._lost.wait())
        ]
        try:
            await asyncio.wait(work, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await cancel_and_wait(work, patience=_CANCEL_SECONDS)
        for task in work:
            if not task.cancelled() and (error := task.exception()) is not None:
                raise error
        raise _LinkLost("a command failed")

    async def _read_messages(self, pubsub: Any) -> None:
        last_seen = time.monotonic()
        while True:
            message = await pubsub.get_message(timeout=_PING_SECONDS)
            now = time.monotonic()
            if message is not None:
                last_seen = now
                self._handle(message)
            elif now - last_seen > 2 * _PING_SECONDS:
                raise _LinkSilent("the connection for messages is silent")
            else:
                await pubsub.ping()

    def _handle(self, message: dict[str, Any] | None) -> None:
        if message is None or message["channel"] is None:
            return
        channel = message["channel"].decode().removeprefix(self._prefix)
        if message["type"] == "message":
            self._receive(channel, message["data"])
        elif message["type"] == "subscribe":
            if channel not in self._unconfirmed:
                # The client has reconnected by itself: messages may be missing.
                raise _LinkLost("the connection for messages broke")
            self._unconfirmed.discard(channel)
            if not self._unconfirmed:
                self._confirmed.set()

    async def _send_orders(self, client: Any, pubsub: Any) -> None:
        while True:
            if not self._orders:
                self._has_orders.clear()
                await self._has_orders.wait()
            self._batch = [self._orders.popleft() for _ in range(min(len(self._orders), _MAX_BATCH))]
            for kind, orders in groupby(self._batch, key=lambda order: order.kind):
                await self._carry_out(client, pubsub, kind, list(orders))
            self._batch = []

    async def _carry_out(self, client: Any, pubsub: Any, kind: str, orders: list[Order]) -> None:
        channels = [self._prefix + order.channel for order in orders]
        if kind == "publish":
            await publish_all(client, channels, [order.message for order in orders], seconds=_SEND_SECONDS)
            return
        async with asyncio.timeout(_SEND_SECONDS):
            if kind == "unsubscribe":
                await pubsub.unsubscribe(*dict.fromkeys(channels))
            else:
                self._unconfirmed.update(order.channel for order in orders)
                self._confirmed.clear()
                await pubsub.subscribe(*dict.fromkeys(channels))
                await self._confirmed.wait()


async def _close_quietly(pubsub: Any) -> None:
    try:
        async with asyncio.timeout(COMMAND_SECONDS):
            await pubsub.aclose()
    except Exception as error:
        log.debug("closing a connection to Redis failed: %s", error)
