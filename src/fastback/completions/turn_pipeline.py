"""A chat turn: one request, answered by one model, stage by stage, into a sink.

The same stages run in the same order for the page, for API clients, for WebSockets and for clients of Anthropic's API:

    before the model   admission → parameters → base_model → conversation → compaction
                       → system_prompts → payload → inlet_filters → builtin_tools → voice_prompt → memories
                       → web_search → image_generation → code_interpreter → unavailable → skill_creation → skills
                       → legacy_calls → sources → code_prompt → image_inlining → offered_tools → resumed_calls
                       → normalization
                       → quotas (none yet)
    the model          one call (`model_call.py`), with the filters' view of request and stream; the sink takes the
                       response: `Sink.deliver`; then the tools run that the model has called (`tools/loop.py`), or
                       the code that it has written, and it is called again with the results
    after the answer   persistence → outlet_filters → follow_ups → memory_review
                       These run only for turns of a chat on the page (`Turn.in_chat`), where the answer is stored;
                       the first two also where only the answer is (`Turn.keeps_answer`).

A stage (`stages/`, one module each) is shared by all turns and has no state: it reads what earlier stages wrote to the
`Turn`, and writes its own result there. The tuples below are the one place that has the order; `setup.py` registers the
stages by name. So a plugin process can add stages without changes to the entrances.

The entrances (`doors/`) parse a request, choose a sink and run the turn:

    turn = Turn(request=parse_turn_request(body), ctx=ctx, sink=RelaySink())
    await pipeline.run(turn)

Errors: whatever a stage, the model or the sink raises ends the turn and reaches `Sink.fail` once. A cancelled turn
reaches `Sink.cancel`. `Sink.close` comes last in any case.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable
from functools import partial
from time import perf_counter
from typing import Protocol

from fastback.completions.turn import Sink, Turn
from fastback.completions.turn_slots import TurnSlots
from fastback.kit.http.outage_responses import find_outage_response
from fastback.kit.tasks import Tasks
from fastback.providers.upstream import CompletionResponse

#: A place for stages that are not built yet.
QUOTAS: tuple[str, ...] = ()

#: The stages before the model is asked, by name, in their order.
STAGES_BEFORE_MODEL = (
    "admission",
    "parameters",
    "base_model",
    "conversation",
    "compaction",
    "system_prompts",
    "payload",
    "inlet_filters",
    "builtin_tools",
    "voice_prompt",
    "memories",
    "web_search",
    "image_generation",
    "code_interpreter",
    "unavailable",
    "skill_creation",
    "skills",
    "legacy_calls",
    "sources",
    "code_prompt",
    "image_inlining",
    "offered_tools",
    "resumed_calls",
    "normalization",
    *QUOTAS,
)

#: Those of them that do nothing for a relayed turn: its answer is not stored, and no tool runs here.
CHAT_STAGES = frozenset(
    {
        "compaction",
        "builtin_tools",
        "image_generation",
        "code_interpreter",
        "skill_creation",
        "code_prompt",
        "resumed_calls",
    }
)

#: The stages after the answer of a chat on the page, by name, in their order.
STAGES_AFTER_ANSWER = (
    "persistence",
    "outlet_filters",
    "follow_ups",
    "memory_review",
)
#: Those of them that run where the chat keeps only the answer.
STAGES_AFTER_KEPT_ANSWER = frozenset({"persistence", "outlet_filters"})


class Stage(Protocol):
    """One step of a turn. All turns share it, so it has no state of a turn."""

    name: str

    async def run(self, turn: Turn) -> None:
        """Do the step: read from the turn, write to it. Raise an `HttpError` to end the turn."""


class ModelCaller(Protocol):
    """Asks the model of a turn."""

    async def open(self, turn: Turn) -> CompletionResponse:
        """Return the response once its head is there."""
        ...


class ToolRounds(Protocol):
    """Runs the tools that the model of a turn has called."""

    async def run_round(self, turn: Turn) -> bool:
        """Run them; return whether the model is called again."""
        ...


class TurnCloser(Protocol):
    """Ends turns in the plugin process."""

    def close(self, turn: Turn) -> None: ...


class TurnObserver(Protocol):
    """Takes note of every turn."""

    def end_turn(self, started: float, error: BaseException | None) -> None:
        """Take note of a turn that began at `started`, of `time.perf_counter`, and of the error that ended it."""


class TurnPipeline:
    """Run turns through the stages in their order."""

    def __init__(
        self,
        *,
        stages: Iterable[Stage],
        model_call: ModelCaller,
        tool_loop: ToolRounds,
        plugin_turns: TurnCloser,
        slots: TurnSlots,
        tasks: Tasks,
        observer: TurnObserver | None = None,
    ) -> None:
        by_name = {stage.name: stage for stage in stages}
        self._before_model = tuple(by_name.pop(name) for name in STAGES_BEFORE_MODEL)
        self._before_model_of_relayed = tuple(stage for stage in self._before_model if stage.name not in CHAT_STAGES)
        self._after_answer = tuple(by_name.pop(name) for name in STAGES_AFTER_ANSWER)
        if by_name:
            raise ValueError(f"stages without a place in the order of a turn: {', '.join(by_name)}")
        self._model_call = model_call
        self._tool_loop = tool_loop
        self._plugin_turns = plugin_turns
        self._slots = slots
        self._tasks = tasks
        self._observer = observer

    async def run(self, turn: Turn) -> None:
        """Run a turn to its end, and let its sink show a failure."""
        await show_failures(turn.sink, self.execute(turn))

    async def execute(self, turn: Turn) -> None:
        """Run a turn to its end.

        Raises:
            HttpError: the turn is not possible, or one too many, or the server cannot be reached.
            ProviderRefusal, ProviderStreamError: the server refused, or failed in the middle of its stream.
        """
        if self._observer is None:
            await self._execute(turn)
            return
        started = perf_counter()
        error: BaseException | None = None
        try:
            await self._execute(turn)
        except BaseException as raised:
            error = raised
            raise
        finally:
            self._observer.end_turn(started, error)

    async def _execute(self, turn: Turn) -> None:
        if not turn.is_internal and not turn.ctx.plugin_turn_id:
            self._slots.require_free(turn.user.id)
        slot = turn.slot = self._slots.add(turn.user.id)
        turn.closer = partial(self._close_turn, turn)
        try:
            with self._tasks.hold_server():
                await self._run_stages(turn)
        finally:
            if not turn.is_handed_over:
                turn.end()
                if not slot.is_handed_over:
                    slot.release()

    def _close_turn(self, turn: Turn) -> None:
        self._plugin_turns.close(turn)
        if turn.is_handed_over and turn.slot is not None:
            turn.slot.release()

    async def _run_stages(self, turn: Turn) -> None:
        is_relayed = not (turn.in_chat or turn.keeps_answer or turn.sink.runs_tools)
        for stage in self._before_model_of_relayed if is_relayed else self._before_model:
            await stage.run(turn)
            if turn.is_paused:
                return
        await turn.sink.begin(turn)
        while True:
            response = await self._model_call.open(turn)
            if not turn.sink.runs_tools and (turn.is_stored or not turn.in_chat):
                turn.messages, turn.payload = [], {}  # they may hold images, and the answer may take long
            await turn.sink.deliver(turn, response)
            if not await self._tool_loop.run_round(turn):
                break
        if turn.is_paused:
            return
        for stage in self._after_answer:
            if turn.in_chat or (turn.keeps_answer and stage.name in STAGES_AFTER_KEPT_ANSWER):
                await stage.run(turn)


async def show_failures(sink: Sink, work: Awaitable[None]) -> None:
    """Await the work of a turn; have the sink show how it failed, and close the sink at the end.

    Raises:
        asyncio.CancelledError: the turn was cancelled; the sink has dealt with what there was of an answer.
        Exception: what the sink raises to show a failure, as those of HTTP responses do.
    """
    try:
        await work
    except asyncio.CancelledError:
        await sink.cancel()
        raise
    except Exception as error:
        await sink.fail(find_outage_response(error, "a chat turn") or error)
    finally:
        await sink.close()
