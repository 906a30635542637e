"""A chat turn: one request, answered by one model, stage by stage, into a sink.

The same stages run in the same order for the page, for API clients, for WebSockets and for clients of Anthropic's API:

    before the model   admission → parameters → base_model → conversation → compaction
                       → system_prompts → payload → inlet_filters → builtin_tools → unavailable → voice_prompt
                       → memories → web_search → code_interpreter → skill_creation → skills → legacy_calls → sources
                       → image_inlining → offered_tools → resumed_calls → normalization → quotas (none yet)
    the model          one call (`model_call.py`), with the filters' view of request and stream; the sink takes the
                       response: `Sink.deliver`; then the tools run that the model has called (`tools/loop.py`), and
                       the model is called again with their results
    after the answer   persistence → outlet_filters → follow_ups → memory_review
                       These run only for turns of a chat on the page (`Turn.in_chat`), where the answer is stored.

A stage (`stages/`, one module each) is shared by all turns and has no state: it reads what earlier stages wrote to the
`Turn`, and writes its own result there. The tuples below are the one place that has the order; `setup.py` registers the
stages by name. So a plugin process can add stages without changes to the entrances.

A sink (`sinks/`, one module each) belongs to one turn. It shows the turn's progress, takes the model's response, and
shows a failure in its own way: the page gets socket messages and a stored chat; an API client gets the server's bytes
unparsed, which is why the pipeline itself does not read streams. Channel messages and automations are further sinks.

The entrances (`doors/`) parse a request, choose a sink and run the turn:

    turn = Turn(request=parse_turn_request(body), ctx=ctx, sink=RelaySink())
    await pipeline.run(turn)

Errors: whatever a stage, the model or the sink raises ends the turn and reaches `Sink.fail` once. A cancelled turn
reaches `Sink.cancel`. `Sink.close` comes last in any case.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol

from fastback.access.identity import User
from fastback.completions.answer_builder import AnswerBuilder
from fastback.completions.answer_output import Output
from fastback.completions.chat_context_store import ChatLocation, FolderContext
from fastback.completions.file_tags import remove_file_tags
from fastback.completions.sources.items import Item
from fastback.completions.sources.passages import Source
from fastback.completions.turn_request import TurnRequest
from fastback.features.chats.chat_ids import is_stored
from fastback.features.functions.catalogue import ActiveFunction
from fastback.features.prompts import system_messages
from fastback.kit.http.outage_responses import find_outage_response
from fastback.kit.tasks import Tasks
from fastback.providers.model import Model
from fastback.providers.request_context import RequestContext
from fastback.providers.upstream import CompletionResponse

Message = dict[str, Any]
Status = dict[str, Any]

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
    "unavailable",
    "voice_prompt",
    "memories",
    "web_search",
    "code_interpreter",
    "skill_creation",
    "skills",
    "legacy_calls",
    "sources",
    "image_inlining",
    "offered_tools",
    "resumed_calls",
    "normalization",
    *QUOTAS,
)

#: The stages after the answer of a chat on the page, by name, in their order.
STAGES_AFTER_ANSWER = (
    "persistence",
    "outlet_filters",
    "follow_ups",
    "memory_review",
)


@dataclass(kw_only=True, slots=True)
class Turn:
    """What a turn is made of. An entrance gives the first part; each stage fills in what its comment names."""

    request: TurnRequest
    ctx: RequestContext
    sink: Sink
    #: Whether the turn belongs to a chat on the page: the chat gives the conversation, and the answer is stored in it.
    #: The entrance has checked that the user may write to the chat.
    in_chat: bool = False
    #: Whether the server gets the request as the client wrote it, with only the model's own parameters and system
    #: prompt added: neither the settings nor what the server stores count.
    is_forwarded: bool = False
    #: Whether a forwarded request goes out without the model's system prompt.
    omits_system_prompt: bool = False
    #: The message in the chat that the answer goes to.
    message_id: str = ""
    #: What is generated after the answer (titles, tags, follow-up questions), with the options the page sends.
    generations: dict[str, Any] = field(default_factory=dict)
    #: Whether a subagent answers, in a chat that no list shows.
    is_internal: bool = False
    #: How many rounds of calls may run; None for as many as the settings allow.
    max_tool_rounds: int | None = None
    #: The requested model, where the entrance has admitted the user to it before anything was written.
    admitted_model: Model | None = None

    # -- admission
    #: The model that the user named: an arena may be among them.
    requested_model: Model = field(init=False)
    #: The model that answers: the requested one, or the one that its arena chose.
    model: Model = field(init=False)
    #: What an arena chose.
    selected_model_id: str | None = None

    # -- parameters
    parameters: dict[str, Any] = field(default_factory=dict)

    # -- base_model
    #: The model that the server is asked for: the base of a workspace model.
    server_model: Model = field(init=False)

    # -- conversation; most of the later stages change the messages
    #: First as they are stored; from `system_prompts` on as the model is shown them.
    messages: list[Message] = field(default_factory=list)
    #: Output items of the answer that is continued.
    previous_output: Output = field(default_factory=list)
    #: Whether it has calls that wait for the user, or that were approved and have not run.
    has_open_calls: bool = False

    # -- compaction
    #: The summary of the messages that were left out.
    summary: str | None = None

    # -- system_prompts
    location: ChatLocation = field(default_factory=ChatLocation)
    folder: FolderContext = field(default_factory=FolderContext)
    #: The system prompt of the request as it was written; empty where the user may not set one.
    request_prompt: str = ""

    # -- payload
    #: What the server is sent; `messages` are put in when it is asked.
    payload: dict[str, Any] = field(default_factory=dict)
    #: Whether the server is asked to stream.
    is_stream: bool = False

    # -- inlet_filters
    #: The filters that take part in the turn, in their order.
    filters: list[ActiveFunction] = field(default_factory=list)
    #: The metadata as plugins see and change them; empty until a plugin takes part.
    metadata: dict[str, Any] = field(default_factory=dict)

    # -- builtin_tools
    #: The categories of built-in tools that the turn has: what these do, no stage does before the model is asked.
    builtin_categories: frozenset[str] = frozenset()
    #: What the model, the folder and the question have for these tools to search: `{type, id, name, source}`.
    attached_knowledge: list[Item] = field(default_factory=list)

    # -- skills
    #: The skills that tools read in this turn, and the version of each that the turn has read.
    skill_ids: list[str] = field(default_factory=list)
    skill_versions: dict[str, str] = field(default_factory=dict)

    # -- web_search
    web_items: list[Item] = field(default_factory=list)
    #: The queries that a model thought of; None where none was asked.
    search_queries: list[str] | None = None

    # -- legacy_calls
    #: Results of the tools that ran before the model is asked.
    tool_sources: list[Source] = field(default_factory=list)

    # -- sources
    #: What the answer is based on, as the page shows it.
    sources: list[Source] = field(default_factory=list)
    #: What the user should know of the answer: sources that could not be read.
    note: str | None = None

    # -- offered_tools
    #: What the model may call, by name: `OfferedTool`s.
    tools: dict[str, Any] = field(default_factory=dict)

    # -- the tool loop
    #: How many rounds of calls have run.
    tool_rounds: int = 0
    #: The messages before the answer; None before its first round of calls.
    conversation: list[Message] | None = None
    #: Whether the turn has ended before its answer: a call waits for the user's decision.
    is_paused: bool = False

    # -- the sink's `deliver`, where it reads the response
    answer: AnswerBuilder | None = None
    #: Whether the answer came as a stream.
    is_streamed: bool = False
    #: Whether the sink reads the response after the pipeline has returned, and calls `end_stream` then.
    is_handed_over: bool = False
    #: What remains to be done once a handed-over response was read; the pipeline sets it.
    end_stream: Callable[[], None] = field(default=lambda: None)

    # -- persistence
    #: The finished answer.
    output: Output = field(default_factory=list)

    # -- follow_ups or memory_review, whichever needs it first
    #: The conversation with the finished answer at its end.
    finished_conversation: list[Message] | None = None

    @property
    def user(self) -> User:
        return self.ctx.requester

    @property
    def question(self) -> str:
        """The text of the last question, without what names its files."""
        questions = (message for message in reversed(self.messages) if message.get("role") == "user")
        return next((remove_file_tags(system_messages.get_text(message)) for message in questions), "")

    @property
    def is_stored(self) -> bool:
        """Whether the turn's chat lives in the database; temporary chats do not."""
        return self.in_chat and is_stored(self.request.chat_id)


class Sink:
    """Take what comes out of one turn. A subclass overrides `deliver` and `fail`, and whatever else it can show.

    `runs_tools` says whether the tools run that the model calls; otherwise the calls are for the client.
    """

    runs_tools = False

    #: The id of the turn among the running tasks, where it is one.
    task_id: str | None = None

    async def show_status(self, status: Status) -> None:
        """Show a line above the answer: `{action, description?, done, …}` says what is being done for it."""

    async def show_compaction(self, progress: Status) -> None:
        """Show how far the compaction of the conversation has come."""

    async def emit(self, kind: str, data: Any = None) -> None:
        """Send a socket message to the page."""

    async def store_event(self, event: dict[str, Any]) -> bool:
        """Store what the chat keeps of an event of a plugin; return False where this sink does not, or no longer.

        Raises:
            TypeError: the data of the event are invalid for its type.
        """
        return False

    async def begin(self, turn: Turn) -> None:
        """The turn is prepared; the model is asked next."""

    async def deliver(self, turn: Turn, upstream: CompletionResponse) -> None:
        """Take the server's response, and close it once it is read."""
        raise NotImplementedError

    async def show_round(self, turn: Turn) -> None:
        """Show what the answer's round of tool calls has come to. `deliver` follows for the next one."""

    async def pause(self, turn: Turn, meta: dict[str, Any] | None) -> None:
        """Store the answer as it is: a call waits for the user. `meta` is what the message keeps of the request."""

    async def finish(self, turn: Turn) -> None:
        """Store the answer that has come to its end. Called for turns of a chat on the page."""

    async def cancel(self) -> None:
        """The turn was cancelled: keep what there is of the answer."""

    async def fail(self, error: Exception) -> None:
        """Show why the turn failed, or raise what shows it."""
        raise NotImplementedError

    async def close(self) -> None:
        """The turn is over, however it ended."""


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


class TurnPipeline:
    """Run turns through the stages in their order."""

    def __init__(
        self,
        *,
        stages: Iterable[Stage],
        model_call: ModelCaller,
        tool_loop: ToolRounds,
        plugin_turns: TurnCloser,
        tasks: Tasks,
    ) -> None:
        by_name = {stage.name: stage for stage in stages}
        self._before_model = tuple(by_name.pop(name) for name in STAGES_BEFORE_MODEL)
        self._after_answer = tuple(by_name.pop(name) for name in STAGES_AFTER_ANSWER)
        if by_name:
            raise ValueError(f"stages without a place in the order of a turn: {', '.join(by_name)}")
        self._model_call = model_call
        self._tool_loop = tool_loop
        self._plugin_turns = plugin_turns
        self._tasks = tasks

    async def run(self, turn: Turn) -> None:
        """Run a turn to its end, and let its sink show a failure."""
        await show_failures(turn.sink, self.execute(turn))

    async def execute(self, turn: Turn) -> None:
        """Run a turn to its end.

        Raises:
            HttpError: the turn is not possible, or the server cannot be reached.
            ProviderRefusal, ProviderStreamError: the server refused, or failed in the middle of its stream.
        """
        turn.end_stream = lambda: self._plugin_turns.close(turn)
        try:
            with self._tasks.hold_server():
                await self._run_stages(turn)
        finally:
            if not turn.is_handed_over:
                turn.end_stream()

    async def _run_stages(self, turn: Turn) -> None:
        for stage in self._before_model:
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
        if turn.in_chat:
            for stage in self._after_answer:
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
