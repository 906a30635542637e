"""What a model is shown: the conversation, the system prompts, the parameters."""

from __future__ import annotations

from typing import Any

import msgspec

from fastback.access.identity import User
from fastback.completions import conversation, source_notes
from fastback.completions.compaction import Compactor
from fastback.completions.image_inlining import Pictures
from fastback.completions.request import TurnRequest
from fastback.completions.sources.items import NOTE_WITH_FILES, Item, of_knowledge, readable
from fastback.completions.sources.passages import Source, elements, put, rendered
from fastback.completions.sources.resolver import Finder, Tell
from fastback.completions.web_search import Searched, WebStage
from fastback.config import Config
from fastback.config.keys.connections import MODELS_DEFAULT_PARAMS
from fastback.config.keys.interface import UI_DEFAULT_MODELS
from fastback.config.keys.retrieval import RAG_TEMPLATE
from fastback.features.chats.access import ChatAccess
from fastback.features.chats.chat_ids import is_stored
from fastback.features.chats.messages import turn_store
from fastback.features.memories.recall import MemoryRecall, remove_prompt_section
from fastback.features.prompts import prompt_variables
from fastback.kit.db import Database
from fastback.kit.http.errors import BadRequest
from fastback.providers import model_resolution, parameters
from fastback.providers.registry import Model, ModelRegistry
from fastback.providers.request_context import RequestContext
from fastback.settings import Settings

Message = dict[str, Any]


class Prepared(msgspec.Struct):
    """A request ready for a provider."""

    #: The model that is asked: the base of a workspace model, the one an arena chose.
    model: Model
    payload: dict[str, Any]
    stream: bool
    reasoning_tags: Any = None
    #: What an arena chose.
    selected_model_id: str | None = None
    #: Pieces of the answer that are sent together at least, as the model's parameters say it.
    pieces: int = 1
    #: Items of the answer that is continued.
    previous: list[dict[str, Any]] = []
    #: What the asker should know of it.
    note: str | None = None
    #: What the answer rests on, as the page shows it.
    sources: list[Source] = []


async def _untold(status: dict[str, Any]) -> None:
    """Nobody hears how far it is."""


class Context:
    """Prepares requests."""

    def __init__(
        self,
        *,
        db: Database,
        config: Config,
        registry: ModelRegistry,
        chats: ChatAccess,
        compactor: Compactor,
        finder: Finder,
        web: WebStage,
        recall: MemoryRecall,
        pictures: Pictures,
        settings: Settings,
    ) -> None:
        self._settings = settings
        self._db = db
        self._config = config
        self._registry = registry
        self._chats = chats
        self._compactor = compactor
        self._finder = finder
        self._web = web
        self._recall = recall
        self._pictures = pictures

    async def prepare(
        self,
        request: TurnRequest,
        model: Model,
        ctx: RequestContext,
        *,
        tell: Tell = _untold,
        compacting: Tell = _untold,
        in_chat: bool = False,
        reads: bool = True,
    ) -> Prepared:
        """Everything a provider must be sent for one model's answer.

        The conversation is what the request says, or with `list_chat_sessions` that of its chat, which the asker may read: the
        caller has looked. One that is too long is compacted before, as `compacting` hears. Memories, files, knowledge
        and the web are searched, unless `reads` is false; `tell` hears how far that is.

        Raises:
            BadRequest: parameters that make no sense, a base model that is gone.
        """
        user = ctx.asker
        selected = None
        if model.arena:
            model = await model_resolution.of_arena(self._registry, model, user)
            selected = model.id
        own = self._own_params(model)
        merged = parameters.merge(dict(self._config.get(MODELS_DEFAULT_PARAMS) or {}), own)
        controls = merged.pop("model_controls", {})
        limit = merged.get("compact_token_threshold")
        merged = parameters.merge(merged, request.params)
        if limit is not None:  # what an administrator says of a model goes before what its users say
            merged["compact_token_threshold"] = limit
        merged = parameters.apply_controls(merged, controls, request.model_controls.get(model.id, {}))
        target = await self._base(model, user, request.model_controls.get(model.id))
        given, previous = await self._conversation(request, in_chat=in_chat)
        summary = None
        if in_chat:
            given, summary = await self._compacted(given, merged, model, ctx, compacting)
        messages = conversation.for_model(given, reasoning="thinking" if target.owned_by == "ollama" else None)
        place = await self._place(request)
        folder = await self._folder(place.folder_id, user)
        messages = await self._with_prompts(messages, request, folder, merged, user)
        if summary:
            messages = prompt_variables.add_system_text(messages, f"[CONVERSATION SUMMARY]\n{summary}", append=True)
        payload = parameters.body_for_provider(request.body, merged)
        payload["messages"] = messages
        stream = bool(payload.get("stream"))
        if merged.get("stream_response") is not None:
            stream = payload["stream"] = bool(merged["stream_response"])
        if stream and _reports_usage(model):
            payload["stream_options"] = {**(payload.get("stream_options") or {}), "include_usage": True}
        reasoning = merged.get("reasoning_tags")
        prepared = Prepared(target, payload, stream, reasoning, selected, _pieces(merged), previous)
        if reads:
            await self._remember(prepared, request, model, ctx)
            question = _question(prepared.payload["messages"])
            searched = await self._web.search(
                request.features, prepared.payload["messages"], question, model.id, ctx, tell
            )
            if items := [*_items(request, place, folder, model), *searched.items]:
                await self._add_sources(prepared, items, searched, request, model, ctx, tell)
        prepared.payload["messages"] = await self._pictures.inlined(prepared.payload["messages"], user)
        return prepared

    @staticmethod
    def remembers(request: TurnRequest, model: Model) -> bool:
        """Whether a request wants its asker's memories used, and the model is one that may have them."""
        allowed = (_meta(model).get("capabilities") or {}).get("memory", True)
        return bool(request.features.get("memory")) and allowed is not False

    async def _remember(self, prepared: Prepared, request: TurnRequest, model: Model, ctx: RequestContext) -> None:
        """Tell the model what of the asker's memories has to do with the conversation, where that is asked for."""
        if not self.remembers(request, model):
            return
        messages = prepared.payload["messages"]
        questions = [prompt_variables.get_text(one) for one in messages if one.get("role") == "user"]
        told = await self._recall.build_prompt_section(questions, ctx)
        if told is None:
            return
        if messages[0].get("role") == "system" and isinstance(messages[0].get("content"), str):
            messages = [{**messages[0], "content": remove_prompt_section(messages[0]["content"])}, *messages[1:]]
        prepared.payload["messages"] = prompt_variables.add_system_text(messages, told, append=True)

    async def _add_sources(
        self,
        prepared: Prepared,
        items: list[Item],
        searched: Searched,
        request: TurnRequest,
        model: Model,
        ctx: RequestContext,
        tell: Tell,
    ) -> None:
        """Put what the items hold on the question before it."""
        messages = prepared.payload["messages"]
        question = _question(messages)
        known = searched.queries if self._settings.enable_queries_cache else None
        by_model = bool(_knowledge(model))
        search = {"action": "knowledge_search", "query": question}
        if by_model:
            await tell({**search, "done": False})
        found = await self._finder.find(items, messages, question, model.id, ctx, tell, known)
        keys = [key for one in self._settings.rag_source_metadata_keys.split(",") if (key := one.strip())]
        context = elements(found.sources, keys).strip()
        if context and question:
            text = rendered(self._config.get_text(RAG_TEMPLATE), context, question)
            in_system = self._settings.rag_system_context
            prepared.payload["messages"] = put(messages, text, in_system=in_system)
        if by_model:
            await tell({**search, "done": True, "hidden": True})
        prepared.sources = [one for one in found.sources if one.source.get("name") or one.source.get("id")]
        prepared.note = source_notes.note(found.missing)

    @staticmethod
    def _own_params(model: Model) -> dict[str, Any]:
        info = model.info
        if info is None:
            return {}
        found = info.params
        return dict(found) if isinstance(found, dict) else {}

    async def fallback(self, model: Model) -> Model | None:
        """The model that answers in place of a workspace model whose base is gone; None where there is none."""
        if not self._settings.enable_custom_model_fallback or not model.base_model_id:
            return None
        if await self._registry.find(model.base_model_id) is not None:
            return None
        names = str(self._config.get(UI_DEFAULT_MODELS) or "").split(",")
        first = next((name.strip() for name in names if name.strip()), None)
        return await self._registry.find(first) if first else None

    async def _base(self, model: Model, user: User, controls: Any) -> Model:
        seen = {model.id}
        while model.base_model_id and model.connection is None:
            base = await self._registry.find(model.base_model_id)
            if base is None and (fallback := await self.fallback(model)) is not None:
                if controls:
                    raise BadRequest("Model control options cannot be applied to the fallback model.")
                await self._registry.check_access(user, fallback)
                return fallback
            if base is None or base.id in seen:
                raise BadRequest("Model not found")
            seen.add(base.id)
            model = base
        return model

    async def _compacted(
        self, messages: list[Message], merged: dict[str, Any], model: Model, ctx: RequestContext, tell: Tell
    ) -> tuple[list[Message], str | None]:
        system = [one for one in messages[:1] if one.get("role") == "system"]
        told = prompt_variables.get_text(system[0]) if system else ""
        rest = messages[len(system) :]
        found, summary = await self._compactor.for_turn(rest, told, merged, model.id, ctx, tell)
        return [*system, *found], summary

    async def _conversation(self, request: TurnRequest, *, in_chat: bool) -> tuple[list[Message], list[dict[str, Any]]]:
        """The messages as they are kept, or as they were sent, and the items of an answer to be continued."""
        previous: list[dict[str, Any]] = []
        given = request.messages
        stored: list[Message] = []
        question_id = request.user_message.get("id")
        if in_chat and is_stored(request.chat_id):
            last = request.assistant_message_id or question_id
            if isinstance(last, str):
                stored = await turn_store.load_conversation(self._db, request.chat_id, last)
            if request.assistant_message_id and stored and stored[-1].get("id") == request.assistant_message_id:
                previous = _items_of(stored[-1])
            if request.regeneration_message_id:
                revised = await turn_store.find_message(self._db, request.chat_id, request.regeneration_message_id)
                if revised is not None:
                    stored.append(revised)
        if stored:
            system = prompt_variables.find_system_message(given)
            given = [system, *stored] if system else stored
        if request.regeneration_prompt:
            given = [*given, {"role": "user", "content": request.regeneration_prompt}]
        return given, previous

    async def _with_prompts(
        self, messages: list[Message], request: TurnRequest, folder: _Folder | None, merged: dict[str, Any], user: User
    ) -> list[Message]:
        known = {"variables": request.variables, "chat_variables": request.chat_variables}
        system = prompt_variables.find_system_message(messages)
        if system is not None:
            text = await prompt_variables.resolve_variables(self._db, prompt_variables.get_text(system), user, **known)
            messages = prompt_variables.replace_system_text(messages, text)
        for own in (folder.prompt if folder is not None else None, merged.get("system")):
            if isinstance(own, str) and own:
                messages = prompt_variables.add_system_text(
                    messages, await prompt_variables.resolve_variables(self._db, own, user, **known)
                )
        return messages

    async def _place(self, request: TurnRequest) -> _Place:
        """Where the chat belongs; one that lies in no folder is taken for one of the folder that the page has open."""
        place = None
        if is_stored(request.chat_id) and not request.is_new:
            text = "SELECT folder_id, meta FROM chat WHERE id = :id"
            place = await self._db.fetch_first(_Place, "context.place", text, id=request.chat_id)
        if place is None:
            return _Place(request.folder_id, None)
        return _Place(place.folder_id or request.folder_id, place.meta)

    async def _folder(self, folder_id: str | None, user: User) -> _Folder | None:
        """A folder, where the asker may read it."""
        if not folder_id:
            return None
        folder = await self._db.fetch_first(
            _Folder, "context.folder", "SELECT id, data FROM folder WHERE id = :id", id=folder_id
        )
        if folder is None or not folder.data or not await self._chats.may_read_folder(folder_id, user):
            return None
        return folder


class _Place(msgspec.Struct):
    folder_id: str | None
    meta: dict[str, Any] | None

    @property
    def note_id(self) -> str | None:
        """The note that a chat is about: such a chat is hidden, and its page shows the note."""
        meta = self.meta or {}
        found = meta.get("note_id") if meta.get("internal") is True and meta.get("type") == "note" else None
        return found if isinstance(found, str) else None


class _Folder(msgspec.Struct):
    id: str
    data: dict[str, Any] | None

    @property
    def prompt(self) -> Any:
        return (self.data or {}).get("system_prompt")

    @property
    def holds_files(self) -> bool:
        return bool((self.data or {}).get("files"))


def _question(messages: list[Message]) -> str:
    return next((prompt_variables.get_text(one) for one in reversed(messages) if one.get("role") == "user"), "")


def _meta(model: Model) -> dict[str, Any]:
    return (model.info.meta if model.info is not None else None) or {}


def _knowledge(model: Model) -> list[Item]:
    return of_knowledge(_meta(model).get("knowledge"))


def _items(request: TurnRequest, place: _Place, folder: _Folder | None, model: Model) -> list[Item]:
    """What the question refers to: what came with it, the chat's note, what its folder holds, what the model knows.

    Open WebUI leaves notes, folders and models to tools that search them, unless functions are called the old way; here
    they are read in any case, as there are no such tools yet.
    """
    if (_meta(model).get("capabilities") or {}).get("file_context", True) is False:
        return []
    of_folder = [{"type": "folder", "id": folder.id}] if folder is not None and folder.holds_files else []
    of_note = [{"type": NOTE_WITH_FILES, "id": place.note_id}] if place.note_id else []
    return readable([*of_folder, *of_note, *(request.files or []), *_knowledge(model)])


def _items_of(message: Message) -> list[dict[str, Any]]:
    output = message.get("output")
    if isinstance(output, list) and output:
        return output
    content = message.get("content")
    if not content:
        return []
    item = {
        "type": "message",
        "id": message.get("id"),
        "status": "completed",
        "role": "assistant",
        "content": [{"type": "output_text", "text": content if isinstance(content, str) else ""}],
    }
    return [item]


def _pieces(merged: dict[str, Any]) -> int:
    try:
        return int(merged.get("stream_delta_chunk_size") or 1)
    except (TypeError, ValueError):
        return 1


def _reports_usage(model: Model) -> bool:
    meta = (model.entry.get("info") or {}).get("meta") or {}
    return bool((meta.get("capabilities") or {}).get("usage"))
