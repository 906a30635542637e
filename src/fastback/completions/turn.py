"""A turn for the page: the answer streams to it by events and is kept in the chat.

What has arrived since the last send goes out as one event, the next no sooner than a moment later; the answer's row is
written once a second while it grows and the chat's document at the end, so that a killed process loses the last second
at most.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import msgspec

from fastback.access.identity import User
from fastback.completions.answer import Answer, ProviderError, text_of
from fastback.completions.context import Context, Prepared
from fastback.completions.image_storage import KeptPictures
from fastback.completions.reasoning_tags import TagSplitter, pairs_of
from fastback.completions.request import TurnRequest
from fastback.completions.sources.passages import Source
from fastback.completions.tasks.follow_ups import FollowUps
from fastback.completions.tasks.memory_review import MemoryReview
from fastback.features.chats.chat_ids import is_stored
from fastback.features.chats.events import ChatWritten
from fastback.features.chats.messages import turn_store
from fastback.features.chats.messages.token_usage import normalize_usage
from fastback.features.chats.turn_events import SHARED, ChatWatchers, TurnEvent
from fastback.kit.bus import Bus
from fastback.kit.db import Database
from fastback.kit.http.errors import HttpError
from fastback.kit.tasks import Tasks
from fastback.providers.client import Provider, ProviderFailed, Upstream, detail_of
from fastback.providers.registry import Model
from fastback.providers.request_context import RequestContext

log = logging.getLogger("fastback.completions")

#: Seconds between two sends of a stream: what arrives meanwhile goes out together.
SEND_PAUSE = 0.012
#: Seconds between two writes of an unfinished answer.
SAVE_PAUSE = 1.0
#: Seconds between two whole answers to others who have the chat open.
SHARE_PAUSE = 0.15


class Turn:
    """One model's answer in a chat."""

    def __init__(
        self,
        *,
        request: TurnRequest,
        model: Model,
        ctx: RequestContext,
        message_id: str,
        folder_id: str | None,
        tasks_wanted: dict[str, Any],
        services: TurnServices,
    ) -> None:
        self.request = request
        self.model = model
        self.ctx = ctx
        self.user: User = ctx.asker
        self.message_id = message_id
        self.folder_id = folder_id
        self.tasks_wanted = tasks_wanted
        self._s = services
        self._stored = is_stored(request.chat_id)
        #: Its id among the running tasks.
        self.task_id = ""
        self._answer_so_far: Answer | None = None
        #: What was said above the answer and is not in the chat's document yet.
        self._statuses: list[dict[str, Any]] = []
        #: Whether the answer came to its end, and is kept where it is to be.
        self._ended_well = False
        self._last_shared = 0.0
        self._save_again = 0.0

    async def emit(self, kind: str, data: Any = None) -> None:
        """Tell the asker's sessions; and others who have the chat open, what concerns them."""
        event: dict[str, Any] = {"type": kind} if data is None else {"type": kind, "data": data}
        shared = event if self._stored and kind in SHARED else None
        await self._s.bus.publish(
            TurnEvent(self.user.id, self.request.chat_id, self.message_id, event, self.request.session_id, shared)
        )

    async def run(self) -> None:
        """The whole turn; a failure is told in the chat."""
        chat_id = self.request.chat_id
        try:
            await self._answer()
        except asyncio.CancelledError:
            await asyncio.shield(self._stopped())
            raise
        except ProviderFailed as error:
            await self._failed(error.detail())
        except ProviderError as error:
            await self._failed(detail_of(error.detail))
        except HttpError as error:
            await self._failed(detail_of(error.detail))
        except Exception as error:
            log.exception("the turn in chat %s failed", chat_id)
            await self._failed(str(error) or type(error).__name__)
        finally:
            await asyncio.shield(self._ended())

    async def _ended(self) -> None:
        self._s.tasks.leave_group(self.task_id)
        if not self._s.tasks.list_group_ids(self.request.chat_id):
            await self.emit("chat:active", {"active": False, "folder_id": self.folder_id})

    async def _stopped(self) -> None:
        """Keep what there is of an answer that was stopped; one that had not begun is done, too."""
        patch: dict[str, Any] = {"done": True}
        output = None
        if self._answer_so_far is not None and not self._ended_well:
            self._answer_so_far.close()
            output = await self._with_files(self._answer_so_far.output("incomplete"))
            patch |= {"content": text_of(output), "output": output}
        if self._stored and not self._ended_well:
            await self._keep(patch)
            await self._written()
        if output is not None:
            await self.emit("chat:tasks:cancel", {"output": output})
        await self.emit("chat:tasks:cancel")

    async def _failed(self, detail: str) -> None:
        if self._ended_well:
            log.warning("after the answer in chat %s: %s", self.request.chat_id, detail)
            return
        if self._stored:
            patch: dict[str, Any] = {"error": {"content": detail}, "done": True}
            if self._answer_so_far is not None and not self._answer_so_far.empty:
                self._answer_so_far.close()
                output = self._answer_so_far.output("incomplete")
                patch |= {"content": text_of(output), "output": output}
            await self._keep(patch)
            await self._written()
        await self.emit("chat:message:error", {"error": {"content": detail}, "done": True})

    async def _written(self) -> None:
        await self._s.bus.publish(ChatWritten(self.request.chat_id, self.user.id))

    async def _answer(self) -> None:
        prepared = await self._s.context.prepare(
            self.request, self.model, self.ctx, tell=self._status, compacting=self._compacting, in_chat=True
        )
        answer = Answer(TagSplitter(pairs_of(prepared.reasoning_tags)), prepared.previous)
        answer.selected_model_id = prepared.selected_model_id
        if prepared.note:
            await self._status({"action": "note", "description": prepared.note, "done": True})
        upstream = await self._s.provider.open(prepared.model, prepared.payload, self.ctx)
        self._answer_so_far = answer
        if self._stored:
            prepared.payload = {}  # it may hold pictures, and the answer may take long
        try:
            if prepared.selected_model_id:
                await self._selected(prepared.selected_model_id)
            if prepared.sources:
                await self._rests_on(prepared.sources)
            if prepared.stream and upstream.is_stream:
                await self._stream(upstream, answer, max(self._s.pieces, prepared.pieces))
            else:
                await self._whole(upstream, answer)
        finally:
            upstream.close()
        await self._finish(answer, prepared, streamed=prepared.stream and upstream.is_stream)

    async def _status(self, status: dict[str, Any]) -> None:
        """Say above the answer what was done for it."""
        await self.emit("status", status)
        if self._stored:
            self._statuses.append(status)
            await turn_store.add_status(self._s.db, self.request.chat_id, self.message_id, status)

    async def _keep(self, patch: dict[str, Any]) -> None:
        """Change the answer in the chat, with the lines above it that are not there yet."""
        statuses, self._statuses = self._statuses, []
        await turn_store.save_message(self._s.db, self.request.chat_id, self.message_id, patch, statuses=statuses)

    async def _compacting(self, progress: dict[str, Any]) -> None:
        await self.emit("context_compaction", progress)

    async def _rests_on(self, sources: list[Source]) -> None:
        """Show below the answer what it rests on."""
        shown = [msgspec.to_builtins(one) for one in sources]
        event = {"type": "chat:completion", "data": {"sources": shown}}
        chat_id, session_id = self.request.chat_id, self.request.session_id
        shared = event if self._stored and self._s.watchers.has_others(chat_id, session_id) else None
        await self._s.bus.publish(TurnEvent(self.user.id, chat_id, self.message_id, event, session_id, shared))
        if self._stored:
            await self._keep({"sources": shown})

    async def _selected(self, model_id: str) -> None:
        await self.emit("chat:completion", {"selected_model_id": model_id})
        if self._stored:
            await turn_store.save_message(
                self._s.db, self.request.chat_id, self.message_id, {"selectedModelId": model_id}, touch=False
            )

    async def _whole(self, upstream: Upstream, answer: Answer) -> None:
        """An answer that did not stream."""
        found = await upstream.json()
        if isinstance(found, dict) and found.get("error"):
            raise ProviderError(found["error"])
        try:
            choice = found["choices"][0]
            message = choice["message"]
        except (KeyError, IndexError, TypeError):
            raise HttpError(502, "The provider answered without a message.") from None
        answer.usage = normalize_usage(found.get("usage"))
        answer.finish_reason = choice.get("finish_reason")
        delta = {
            key: message[key] for key in ("content", "reasoning_content", "reasoning", "tool_calls") if message.get(key)
        }
        answer.feed(msgspec.json.encode({"choices": [{"delta": delta}]}))
        answer.take_frames()
        if not answer.continued:
            await self.emit("chat:completion", found)

    async def _stream(self, upstream: Upstream, answer: Answer, pieces: int) -> None:
        arrived = asyncio.Event()
        loop = asyncio.get_running_loop()
        self._save_again = loop.time() + SAVE_PAUSE  # the first token waits for no write
        reading = loop.create_task(self._read(upstream, answer, arrived, pieces))
        try:
            while not reading.done():
                await arrived.wait()
                arrived.clear()
                await self._send(answer)
                if answer.speaks and not reading.done():
                    # The pause ends with the answer: what is left must not wait.
                    await asyncio.wait((reading,), timeout=SEND_PAUSE)
            await reading
        finally:
            reading.cancel()
        answer.close()
        await self._send(answer)

    @staticmethod
    async def _read(upstream: Upstream, answer: Answer, arrived: asyncio.Event, pieces: int) -> None:
        held = 0
        try:
            async for payloads in upstream.payloads():
                for payload in payloads:
                    if answer.feed(payload):
                        return
                held += len(payloads)
                if held >= pieces:
                    held = 0
                    arrived.set()
        finally:
            arrived.set()

    async def _send(self, answer: Answer) -> None:
        frames = answer.take_frames()
        for frame in frames:
            await self._s.bus.publish(
                TurnEvent(self.user.id, self.request.chat_id, self.message_id, frame, self.request.session_id)
            )
        if not frames or not self._stored:
            return
        now = asyncio.get_running_loop().time()
        if now - self._last_shared >= SHARE_PAUSE and self._s.watchers.has_others(
            self.request.chat_id, self.request.session_id
        ):
            self._last_shared = now
            await self._share({"output": answer.output()})
        if now >= self._save_again:
            output = answer.output()
            await turn_store.save_progress(self._s.db, self.request.chat_id, self.message_id, text_of(output), output)
            # A very long answer is written less often, so that writing stays a hundredth of the work.
            spent = asyncio.get_running_loop().time() - now
            self._save_again = now + max(SAVE_PAUSE, spent * 100)

    async def _share(self, data: dict[str, Any]) -> None:
        """Show the answer as it stands to others who have the chat open."""
        event = {"type": "chat:completion", "data": data}
        await self._s.bus.publish(
            TurnEvent(
                self.user.id,
                self.request.chat_id,
                self.message_id,
                event,
                self.request.session_id,
                event,
                only_shared=True,
            )
        )

    async def _with_files(self, output: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """The answer with files in the place of pictures inside its text, where that is wanted."""
        if self._s.pictures is None:
            return output
        return await self._s.pictures.kept(output, self.request.chat_id, self.message_id, self.user)

    async def _finish(self, answer: Answer, prepared: Prepared, *, streamed: bool) -> None:
        answer.close()
        output = await self._with_files(answer.output("completed", strip=streamed))
        if answer.usage and streamed:
            await self.emit("chat:completion", {"usage": answer.usage})
        if answer.finish is not None:
            await self.emit("chat:completion", answer.finish)
        title = ""
        if self._stored:
            patch: dict[str, Any] = {
                "role": "assistant",
                "content": text_of(output),
                "output": output,
                "done": True,
            }
            if answer.usage:
                patch["usage"] = answer.usage
            await self._keep(patch)
        self._ended_well = True
        if self._stored:
            title = await turn_store.get_title(self._s.db, self.request.chat_id)
            await self.emit("chat:list", {"chat_id": self.request.chat_id, "folder_id": self.folder_id})
            await self._written()
        done: dict[str, Any] = {"done": True, "output": output, "title": title}
        if answer.usage and streamed:  # else the page has had it with the whole answer
            done["usage"] = answer.usage
        await self.emit("chat:completion", done)
        if self._stored and self._s.watchers.has_others(self.request.chat_id, self.request.session_id):
            await self._share(done)
        remembers = self._s.context.remembers(self.request, self.model)
        if not self.tasks_wanted and not remembers:
            return
        if self._stored:
            messages = await turn_store.load_conversation(self._s.db, self.request.chat_id, self.message_id)
        else:
            messages = [*prepared.payload["messages"], {"role": "assistant", "content": text_of(output)}]
        await self._tasks_after(messages)
        if remembers and text_of(output).strip() and self._s.review.is_due(messages):
            self._s.tasks.run_in_background(self._s.review.run(messages, self.model, prepared.model, self.ctx))

    async def _tasks_after(self, messages: list[dict[str, Any]]) -> None:
        if not self.tasks_wanted:
            return
        await self._s.follow_ups.run(
            self.tasks_wanted,
            chat_id=self.request.chat_id,
            message_id=self.message_id,
            messages=messages,
            model_id=self.model.id,
            ctx=self.ctx,
            stored=self._stored,
            emit=self.emit,
        )
        if self._stored:
            await self._written()


class TurnServices(msgspec.Struct):
    """What a turn works with."""

    db: Database
    bus: Bus
    tasks: Tasks
    context: Context
    provider: Provider
    follow_ups: FollowUps
    watchers: ChatWatchers
    review: MemoryReview
    #: What keeps pictures inside an answer's text as files; None where they stay.
    pictures: KeptPictures | None = None
    #: Pieces of an answer that are sent together at least.
    pieces: int = 1
