"""A channel: a model's answer streams into its message, which everyone in the channel sees."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any

import msgspec

from fastback.access.identity import User
from fastback.completions.answer_builder import AnswerBuilder
from fastback.completions.answer_images import AnswerImages
from fastback.completions.answer_output import Output, output_text
from fastback.completions.answer_tags import TagSplitter, parse_reasoning_tags
from fastback.completions.failures import EXPECTED_FAILURES, describe_failure
from fastback.completions.sinks.channel_answer import ChannelAnswer
from fastback.completions.turn import Sink, Turn
from fastback.features.channels.messages.model_answers import ModelAnswers
from fastback.features.channels.messages.service import MessageService
from fastback.features.chats.messages.left_over_answers import INTERRUPTED
from fastback.features.files.access import FileAccess
from fastback.kit.tasks import Tasks
from fastback.providers.upstream import CompletionResponse

log = logging.getLogger("fastback.completions")

#: Events with files for the message, by plugins and by tools.
_FILE_EVENTS = ("files", "chat:message:files")


class ChannelServices(msgspec.Struct, frozen=True):
    """What the sinks of all turns in channels share."""

    messages: MessageService
    answers: ModelAnswers
    files: FileAccess
    tasks: Tasks
    #: Stores images inside an answer's text as files; None where they stay in the text.
    images: AnswerImages | None
    #: Seconds that the end of an answer is tried to be stored.
    retry_seconds: float


class ChannelSink(Sink):
    """Write one answer to a message of a channel. Tools run, and nothing asks the user."""

    runs_tools = True

    def __init__(
        self, services: ChannelServices, *, channel_id: str, message_id: str, user: User, task_id: str
    ) -> None:
        """`user`: who asked the model, and whose message the answer is."""
        self._services = services
        self._channel_id = channel_id
        self._message_id = message_id
        self._user = user
        self.task_id = task_id
        #: Why the answer has failed, empty where it was stopped; None for one that has not.
        self.failure: str | None = None
        self._answer: AnswerBuilder | None = None
        self._written = ChannelAnswer(
            answers=services.answers,
            tasks=services.tasks,
            channel_id=channel_id,
            message_id=message_id,
            retry_seconds=services.retry_seconds,
        )

    # -- on the way ------------------------------------------------------------------------------------------------

    async def emit(self, kind: str, data: Any = None) -> None:
        """Add files of tools to the message, and take the text that outlet filters made of the answer."""
        if not isinstance(data, dict):
            return
        if kind in _FILE_EVENTS:
            await self._add_files(data.get("files"))
        elif kind == "chat:outlet":
            await self._take_filtered_text(data.get("messages"))

    async def store_event(self, event: dict[str, Any]) -> bool:
        if event.get("type") in _FILE_EVENTS:
            await self.emit(str(event["type"]), event.get("data"))
        return True

    async def show_files(self, files: list[dict[str, Any]], kind: str) -> None:
        await self._add_files(files)

    async def _add_files(self, files: Any) -> None:
        """Put files in front of the files of the message; everyone in the channel may read them."""
        added = [dict(file) for file in files if isinstance(file, dict)] if isinstance(files, list) else []
        file_ids = [file["id"] for file in added if isinstance(file.get("id"), str)]
        for file_id in file_ids:
            await self._services.files.add_to_channel(self._channel_id, file_id, self._user)
        for file in added:
            if isinstance(file.get("id"), str):
                file["url"] = file["id"]
        await self._services.answers.add_files(self._channel_id, self._message_id, added, file_ids)

    async def _take_filtered_text(self, messages: Any) -> None:
        last = messages[-1] if isinstance(messages, list) and messages else None
        content = last.get("content") if isinstance(last, dict) and last.get("id") == self._message_id else None
        if self._answer is None or not isinstance(content, str) or self._written.is_deleted:
            return
        if content != output_text(self._answer.build_output("completed")):
            await self._services.answers.replace_text(self._channel_id, self._message_id, content)

    # -- the answer ------------------------------------------------------------------------------------------------

    async def deliver(self, turn: Turn, upstream: CompletionResponse) -> None:
        turn.is_streamed = turn.is_stream and upstream.is_stream
        try:
            answer = self._answer or self._begin_answer(turn)
            if turn.is_streamed:
                await self._read_stream(upstream.payloads(), answer)
            else:
                await answer.feed_completion(await upstream.read_completion())
                answer.take_messages()
        finally:
            upstream.close()

    def _begin_answer(self, turn: Turn) -> AnswerBuilder:
        tags = parse_reasoning_tags(turn.parameters.get("reasoning_tags"))
        splitter = TagSplitter(tags, finds_code=turn.runs_code and turn.is_streamed)
        self._answer = turn.answer = AnswerBuilder(splitter, [])
        self._written.follow(self._answer.build_output)
        return self._answer

    async def _read_stream(self, stream: AsyncIterator[list[bytes]], answer: AnswerBuilder) -> None:
        """Read a stream to its end. Where the message is deleted meanwhile, the turn ends."""
        async for payloads in stream:
            is_last = any(answer.feed(payload) for payload in payloads)
            if answer.take_messages():  # people in channels get the message as a whole
                self._written.mark_grown()
            if self._written.is_deleted:
                raise asyncio.CancelledError
            if is_last:
                break
        answer.close()

    async def show_round(self, turn: Turn) -> None:
        if self._answer is not None:
            self._answer.take_messages()
            self._written.mark_grown(now=True)

    # -- the end ---------------------------------------------------------------------------------------------------

    async def finish(self, turn: Turn) -> None:
        answer = self._answer
        if answer is None:
            return
        answer.close()
        turn.output = await self._store_images(answer.build_output("completed", strip=turn.is_streamed))
        await self._written.end(output_text(turn.output), turn.output)

    async def cancel(self) -> None:
        """Write what there is of an answer that was stopped."""
        self.failure = ""
        if self._written.is_deleted:
            return
        failure = str(INTERRUPTED["content"]) if self._services.tasks.stopping.is_set() else ""
        await asyncio.shield(self._end_incomplete(failure))

    def lose(self) -> None:
        """Write nothing any more: another process has ended the answer."""
        self._written.lose()

    async def fail(self, error: Exception) -> None:
        """Write the error behind what there is of the answer."""
        if not isinstance(error, EXPECTED_FAILURES):
            log.error("the turn in channel %s failed", self._channel_id, exc_info=error)
        detail = describe_failure(error)
        if self._written.has_ended:
            log.warning("work after the answer in channel %s failed: %s", self._channel_id, detail)
            return
        self.failure = detail
        await self._end_incomplete(detail)

    async def _end_incomplete(self, failure: str) -> None:
        output: Output = []
        if self._answer is not None and not self._answer.is_empty:
            self._answer.close()
            self._answer.mark_calls_incomplete()
            output = self._answer.build_output("incomplete")
        texts = [output_text(output), f"Error: {failure}" if failure else ""]
        await self._written.end("\n\n".join(text for text in texts if text), output or None)

    async def close(self) -> None:
        """Take the turn off the running tasks of the channel; an answer without an end gets one."""
        if not self._written.has_ended and not self._written.is_deleted:
            await asyncio.shield(self._end_incomplete(""))
        self._services.tasks.leave_group(self.task_id or "")

    async def _store_images(self, output: Output) -> Output:
        """Store the images inside the answer's text as files of the channel; where that fails they stay."""
        if self._services.images is None:
            return output
        chat_id = f"channel:{self._channel_id}"
        try:
            return await self._services.images.store_images(output, chat_id, self._message_id, self._user)
        except Exception as error:
            log.warning("storing the images of channel message %s failed: %s", self._message_id, error)
            return output
