"""The page: an answer streams to it as socket messages and is stored in its chat."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any

import msgspec

from fastback.access.identity import User
from fastback.completions.answer_builder import AnswerBuilder
from fastback.completions.answer_images import AnswerImages
from fastback.completions.answer_output import Output
from fastback.completions.answer_tags import TagSplitter, parse_reasoning_tags
from fastback.completions.failures import EXPECTED_FAILURES, describe_failure
from fastback.completions.sinks.answer_fields import build_answer_fields
from fastback.completions.sinks.answer_storage import AnswerStorage
from fastback.completions.sinks.page_messages import PageMessages
from fastback.completions.sinks.page_stream import PageStream
from fastback.completions.sinks.stored_answer import StoredAnswer
from fastback.completions.turn import Sink, Status, Turn
from fastback.completions.turn_request import TurnRequest
from fastback.features.chats.messages.left_over_answers import INTERRUPTED
from fastback.features.chats.turn_events import ChatWatchers
from fastback.kit.bus import Bus
from fastback.kit.tasks import Tasks
from fastback.providers.completion import Completion
from fastback.providers.upstream import CompletionResponse

log = logging.getLogger("fastback.completions")


class PageServices(msgspec.Struct, frozen=True):
    """What the sinks of all turns for the page share."""

    bus: Bus
    tasks: Tasks
    watchers: ChatWatchers
    storage: AnswerStorage
    #: Stores images inside an answer's text as files; None where they stay in the text.
    images: AnswerImages | None = None
    #: Chunks of an answer that are sent together at least.
    min_chunks: int = 1


class PageSink(Sink):
    """Show one answer on the page, and store it in the chat."""

    runs_tools = True

    def __init__(
        self,
        services: PageServices,
        *,
        request: TurnRequest,
        user: User,
        message_id: str,
        folder_id: str | None,
        task_id: str,
    ) -> None:
        """`folder_id` is the chat's folder, `task_id` the id of the turn among the running tasks."""
        self._services = services
        self._chat_id = request.chat_id
        self._user = user
        self._message_id = message_id
        self._folder_id = folder_id
        self.task_id = task_id
        self._messages = PageMessages(
            bus=services.bus,
            watchers=services.watchers,
            user_id=user.id,
            chat_id=request.chat_id,
            message_id=message_id,
            session_id=request.session_id,
        )
        self._stored_answer = StoredAnswer(
            services.storage,
            chat_id=request.chat_id,
            message_id=message_id,
            user_id=user.id,
            on_loss=lambda: services.tasks.run_in_background(self._stop_lost_turn()),
        )
        self._answer: AnswerBuilder | None = None
        #: Whether the answer has come to its end.
        self._is_finished = False
        #: Whether the turn was stopped.
        self.is_cancelled = False

    # -- on the way ------------------------------------------------------------------------------------------------

    async def emit(self, kind: str, data: Any = None) -> None:
        await self._messages.emit(kind, data)

    async def show_status(self, status: Status) -> None:
        await self.emit("status", status)
        self._stored_answer.add_status(status)

    async def show_compaction(self, progress: Status) -> None:
        await self.emit("context_compaction", progress)

    async def store_event(self, event: dict[str, Any]) -> bool:
        return await self._stored_answer.add_event(event)

    async def show_files(self, files: list[dict[str, Any]], kind: str) -> None:
        await self.emit(kind, {"files": await self._stored_answer.add_files(files)})

    async def begin(self, turn: Turn) -> None:
        if turn.note:
            await self.show_status({"action": "note", "description": turn.note, "done": True})

    # -- the answer ------------------------------------------------------------------------------------------------

    async def deliver(self, turn: Turn, upstream: CompletionResponse) -> None:
        turn.is_streamed = turn.is_stream and upstream.is_stream
        try:
            answer = self._answer or await self._begin_answer(turn)
            if turn.is_streamed:
                stream = PageStream(
                    answer=answer,
                    messages=self._messages,
                    stored_answer=self._stored_answer,
                    min_chunks=max(self._services.min_chunks, _min_chunks(turn.parameters)),
                )
                await stream.run(self._read_payloads(upstream))
            else:
                await self._read_whole(upstream, answer)
        finally:
            upstream.close()

    async def _begin_answer(self, turn: Turn) -> AnswerBuilder:
        """Create the answer, and show what is known of it before its first word."""
        tags = parse_reasoning_tags(turn.parameters.get("reasoning_tags"))
        splitter = TagSplitter(tags, finds_code=turn.runs_code and turn.is_streamed)
        answer = self._answer = turn.answer = AnswerBuilder(splitter, turn.previous_output)
        self._stored_answer.follow(answer)
        if turn.selected_model_id:
            await self.emit("chat:completion", {"selected_model_id": turn.selected_model_id})
            self._stored_answer.set_fields({"selectedModelId": turn.selected_model_id}, touch=False)
        if turn.sources:
            await self._show_sources(turn)
        return answer

    async def show_round(self, turn: Turn) -> None:
        answer = self._answer
        if answer is None:
            return
        for message in answer.take_messages():
            await self._messages.send(message)
        self._stored_answer.mark_grown()
        if self._messages.has_other_viewers:
            await self._messages.send_to_others({"output": answer.build_output()}, is_snapshot=True)

    def _read_payloads(self, upstream: CompletionResponse) -> AsyncIterator[list[bytes]]:
        """Read a stream. A subclass can pass on what comes."""
        return upstream.payloads()

    async def _read_completion(self, upstream: CompletionResponse) -> Completion:
        """Read a completion that did not stream. A subclass can pass it on."""
        return await upstream.read_completion()

    async def _show_sources(self, turn: Turn) -> None:
        """Show below the answer what it is based on."""
        sources = [msgspec.to_builtins(source) for source in turn.sources]
        message = {"type": "chat:completion", "data": {"sources": sources}}
        await self._messages.send(message, is_shared=self._messages.has_other_viewers)
        self._stored_answer.set_fields({"sources": sources})

    async def _read_whole(self, upstream: CompletionResponse, answer: AnswerBuilder) -> None:
        """Take a completion that did not stream.

        Raises:
            ProviderRefusal: it is an error.
            HttpError: it holds no message, is not JSON, or too large; or the connection breaks.
        """
        completion = await self._read_completion(upstream)
        await answer.feed_completion(completion)
        answer.take_messages()  # the page gets the whole completion instead
        if not answer.is_continued:
            await self.emit("chat:completion", completion.to_json())

    async def show_error(self, text: str) -> None:
        error = {"error": {"content": text}}
        self._stored_answer.set_fields(error)
        await self.emit("chat:message:error", error)

    async def pause(self, turn: Turn, meta: dict[str, Any] | None) -> None:
        self._is_finished = True
        if self._answer is None:
            self._stored_answer.end({}, is_done=False)
            return
        output = self._answer.build_output()
        fields: dict[str, Any] = {"role": "assistant", **build_answer_fields(output)}
        self._stored_answer.end(fields if meta is None else {**fields, "meta": meta}, is_done=False)
        await self._stored_answer.wait_until_stored()
        await self.emit("chat:completion", {"output": output})

    # -- the end ---------------------------------------------------------------------------------------------------

    async def finish(self, turn: Turn) -> None:
        """Store the answer; show its usage, its last chunk, and that it is done."""
        answer = self._answer
        if answer is None:
            return
        answer.close()
        await answer.join_long_texts(strip=turn.is_streamed)
        turn.output = await self._store_images(answer.build_output("completed", strip=turn.is_streamed))
        if answer.usage and turn.is_streamed:
            await self.emit("chat:completion", {"usage": answer.usage})
        if answer.final_chunk is not None:
            await self.emit("chat:completion", answer.final_chunk)
        fields: dict[str, Any] = {"role": "assistant", **build_answer_fields(turn.output)}
        if answer.usage:
            fields["usage"] = answer.usage
        self._is_finished = True
        self._stored_answer.end(fields)
        await self._stored_answer.wait_until_stored()
        if self._stored_answer.is_lost:
            return
        if self._stored_answer.is_stored:
            await self.emit("chat:list", {"chat_id": self._chat_id, "folder_id": self._folder_id})
        done: dict[str, Any] = {"done": True, "output": turn.output, "title": self._stored_answer.title}
        if answer.usage and turn.is_streamed:  # otherwise the page has it from the whole completion
            done["usage"] = answer.usage
        await self.emit("chat:completion", done)
        if self._messages.has_other_viewers:
            await self._messages.send_to_others(done)

    async def cancel(self) -> None:
        """Store what there is of an answer that was stopped; an answer that had not begun is done, too."""
        self.is_cancelled = True
        await asyncio.shield(self._store_stopped_answer())

    async def _stop_lost_turn(self) -> None:
        """Stop a turn whose answer another process has ended, and show the end that it has stored."""
        await self._services.tasks.stop_own(self.task_id or "")
        await self.emit("chat:message:error", {"error": INTERRUPTED, "done": True})

    async def _store_stopped_answer(self) -> None:
        if self._stored_answer.is_lost:
            return
        if self._stored_answer.is_interrupted and not self._is_finished:
            await self._end_with_error(INTERRUPTED)
            return
        output = None
        if not self._is_finished:
            fields: dict[str, Any] = {}
            if self._answer is not None:
                self._answer.close()
                self._answer.mark_calls_incomplete()
                await self._answer.join_long_texts()
                output = await self._store_images(self._answer.build_output("incomplete"))
                fields = build_answer_fields(output)
            self._stored_answer.end(fields)
            await self._stored_answer.wait_until_stored()
        if output is not None:
            await self.emit("chat:tasks:cancel", {"output": output})
        await self.emit("chat:tasks:cancel")

    async def fail(self, error: Exception) -> None:
        """Store the error with what there is of the answer, and show it in the chat."""
        if not isinstance(error, EXPECTED_FAILURES):
            log.error("the turn in chat %s failed", self._chat_id, exc_info=error)
        detail = describe_failure(error)
        if self._is_finished:
            log.warning("generations after the answer in chat %s failed: %s", self._chat_id, detail)
            return
        await self._end_with_error({"content": detail})

    async def _end_with_error(self, error: dict[str, Any]) -> None:
        failure = {"error": error, "done": True}
        fields: dict[str, Any] = dict(failure)
        if self._answer is not None and not self._answer.is_empty:
            self._answer.close()
            fields |= build_answer_fields(self._answer.build_output("incomplete"))
        self._stored_answer.end(fields)
        await self.emit("chat:message:error", failure)

    async def close(self) -> None:
        """Take the turn off the running tasks; the chat is inactive once none of its turns runs."""
        await asyncio.shield(self._leave_tasks())

    async def _leave_tasks(self) -> None:
        self._stored_answer.end({})  # has no effect unless showing the end has failed
        await self._stored_answer.wait_until_stored()
        self._services.tasks.leave_group(self.task_id or "")
        if not self._services.tasks.list_group_ids(self._chat_id):
            await self.emit("chat:active", {"active": False, "folder_id": self._folder_id})

    async def _store_images(self, output: Output) -> Output:
        """Store the images inside the answer's text as files, where the settings want that; otherwise they stay."""
        if self._services.images is None:
            return output
        try:
            return await self._services.images.store_images(output, self._chat_id, self._message_id, self._user)
        except Exception as error:
            log.warning("storing the images of message %s failed, they stay in its text: %s", self._message_id, error)
            return output


def _min_chunks(parameters: dict[str, Any]) -> int:
    """Return how many chunks a model's parameters want sent together."""
    try:
        return int(parameters.get("stream_delta_chunk_size") or 1)
    except (TypeError, ValueError):
        return 1
