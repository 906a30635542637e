"""What a chat turn is made of: its state, and the sink that takes what comes out of it.

`turn_pipeline` runs turns through their stages.

A sink (`sinks/`, one module each) belongs to one turn. It shows the turn's progress, takes the model's response, and
shows a failure in its own way: the page gets socket messages and a stored chat; an API client gets the server's bytes
unparsed, which is why the pipeline itself does not read streams. Channel messages and automations are further sinks.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from fastback.access.identity import User
from fastback.completions.answer_builder import AnswerBuilder
from fastback.completions.answer_output import Output
from fastback.completions.chat_context_store import ChatLocation, FolderContext
from fastback.completions.file_tags import remove_file_tags
from fastback.completions.sources.items import Item
from fastback.completions.sources.passages import Source
from fastback.completions.turn_request import TurnRequest
from fastback.completions.turn_slots import TurnSlot
from fastback.features.chats.chat_ids import is_stored
from fastback.features.functions.catalogue import ActiveFunction
from fastback.features.prompts import system_messages
from fastback.providers.model import Model
from fastback.providers.request_context import RequestContext
from fastback.providers.upstream import CompletionResponse

Message = dict[str, Any]
Status = dict[str, Any]


@dataclass(kw_only=True, slots=True)
class Turn:
    """What a turn is made of. An entrance gives the first part; each stage fills in what its comment names."""

    request: TurnRequest
    ctx: RequestContext
    sink: Sink
    #: Whether the turn belongs to a chat on the page: the chat gives the conversation, and the answer is stored in it.
    #: The entrance has checked that the user may write to the chat.
    in_chat: bool = False
    #: Whether the answer is stored in a chat whose conversation the client gives nevertheless.
    keeps_answer: bool = False
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
    #: The addresses of the images of each message, those of the last message first; where images are to be edited.
    image_addresses: list[list[str]] = field(default_factory=list)

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

    # -- code_interpreter
    #: Whether code runs that the model writes between tags: it calls no functions.
    runs_code: bool = False

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
    #: What the user should know of the answer: sources that could not be read, and what has no effect on it.
    note: str | None = None

    # -- offered_tools
    #: What the model may call, by name: `OfferedTool`s.
    tools: dict[str, Any] = field(default_factory=dict)

    # -- the tool loop
    #: How many rounds of calls and code have run, and how many of these were code.
    tool_rounds: int = 0
    code_rounds: int = 0
    #: The messages before the answer; None before its first round of calls.
    conversation: list[Message] | None = None
    #: Whether the turn has ended before its answer: a call waits for the user's decision.
    is_paused: bool = False

    # -- the sink's `deliver`, where it reads the response
    answer: AnswerBuilder | None = None
    #: Whether the answer came as a stream.
    is_streamed: bool = False
    #: Whether the sink reads the response after the pipeline has returned, and calls `end` then.
    is_handed_over: bool = False
    #: What remains to be done once the response was read; the pipeline sets it. It may refer to the turn.
    closer: Callable[[], None] | None = None

    #: The turn's place among those that run; the pipeline sets it.
    slot: TurnSlot | None = None

    # -- persistence
    #: The finished answer.
    output: Output = field(default_factory=list)

    # -- follow_ups or memory_review, whichever needs it first
    #: The conversation with the finished answer at its end.
    finished_conversation: list[Message] | None = None

    @property
    def user(self) -> User:
        return self.ctx.requester

    def end(self) -> None:
        """Do what remains to be done once the response was read."""
        closer, self.closer = self.closer, None  # so that no turn waits for the garbage collector
        if closer is not None:
            closer()

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

    async def show_files(self, files: list[dict[str, Any]], kind: str) -> None:
        """Show files with the answer, behind those that it has, and store them; `kind` is the type of the message."""

    async def begin(self, turn: Turn) -> None:
        """The turn is prepared; the model is asked next."""

    async def deliver(self, turn: Turn, upstream: CompletionResponse) -> None:
        """Take the server's response, and close it once it is read."""
        raise NotImplementedError

    async def show_round(self, turn: Turn) -> None:
        """Show what the answer's round of tool calls has come to. `deliver` follows for the next one."""

    async def show_error(self, text: str) -> None:
        """Show and store what is wrong with an answer that ends all the same."""

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
