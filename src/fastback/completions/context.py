"""What a model is shown: the conversation, the system prompts, the parameters."""

from __future__ import annotations

import random
from typing import Any

import msgspec

from fastback.access.grants import Grants
from fastback.access.identity import User
from fastback.completions import history, params, prompt, unread
from fastback.completions.request import TurnRequest, is_stored
from fastback.config import Config
from fastback.features.chats import turns
from fastback.kit.db import Database
from fastback.kit.http.errors import BadRequest
from fastback.providers.registry import Model, ModelRegistry
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


_FOLDER = """
    WITH RECURSIVE up(id, parent_id, user_id, depth) AS (
        SELECT id, parent_id, user_id, 0 FROM folder WHERE id = :folder_id
        UNION ALL
        SELECT f.id, f.parent_id, f.user_id, up.depth + 1 FROM folder f JOIN up ON f.id = up.parent_id
        WHERE up.depth < 50
    )
    SELECT id, user_id FROM up ORDER BY depth"""


class _FolderRow(msgspec.Struct):
    id: str
    user_id: str


class Context:
    """Prepares requests."""

    def __init__(
        self, db: Database, config: Config, registry: ModelRegistry, grants: Grants, settings: Settings
    ) -> None:
        self._settings = settings
        self._db = db
        self._config = config
        self._registry = registry
        self._grants = grants

    async def prepare(self, request: TurnRequest, model: Model, user: User) -> Prepared:
        """Everything a provider must be sent for one model's answer.

        Raises:
            BadRequest: parameters that make no sense, a base model that is gone.
        """
        note = unread.note(request, model)
        selected = None
        if model.arena:
            model = await self._chosen(model, user)
            selected = model.id
        own = self._own_params(model)
        merged = params.merge(dict(self._config.get("models.default_params") or {}), own)
        controls = merged.pop("model_controls", {})
        merged = params.merge(merged, request.params)
        merged = params.apply_controls(merged, controls, request.model_controls.get(model.id, {}))
        target = await self._base(model, user, request.model_controls.get(model.id))
        messages, previous = await self._messages(request, target)
        messages = await self._with_prompts(messages, request, merged, user)
        payload = params.body_for_provider(request.body, merged)
        payload["messages"] = messages
        stream = bool(payload.get("stream"))
        if merged.get("stream_response") is not None:
            stream = payload["stream"] = bool(merged["stream_response"])
        if stream and _reports_usage(model):
            payload["stream_options"] = {**(payload.get("stream_options") or {}), "include_usage": True}
        reasoning = merged.get("reasoning_tags")
        return Prepared(target, payload, stream, reasoning, selected, _pieces(merged), previous, note)

    async def _chosen(self, arena: Model, user: User) -> Model:
        meta = (arena.entry.get("info") or {}).get("meta") or {}
        ids = meta.get("model_ids") or []
        known = await self._registry.all()
        usable = [one.id for one in known.values() if not one.arena]
        if ids and meta.get("filter_mode") == "exclude":
            ids = [one for one in usable if one not in ids]
        candidates = [one for one in (ids or usable) if one in known]
        if not candidates:
            raise BadRequest("Model not found")
        return known[random.choice(candidates)]

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
        names = str(self._config.get("ui.default_models") or "").split(",")
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

    async def _messages(self, request: TurnRequest, target: Model) -> tuple[list[Message], list[dict[str, Any]]]:
        """The conversation as the provider takes it, and the items of an answer to be continued."""
        previous: list[dict[str, Any]] = []
        given = request.messages
        stored: list[Message] = []
        question_id = request.user_message.get("id")
        if is_stored(request.chat_id) and request.with_events:
            last = request.assistant_message_id or question_id
            if isinstance(last, str):
                stored = await turns.conversation(self._db, request.chat_id, last)
            if request.assistant_message_id and stored and stored[-1].get("id") == request.assistant_message_id:
                previous = _items_of(stored[-1])
            if request.regeneration_message_id:
                revised = await turns.message(self._db, request.chat_id, request.regeneration_message_id)
                if revised is not None:
                    stored.append(revised)
        if stored:
            system = prompt.system_of(given)
            given = [system, *stored] if system else stored
        if request.regeneration_prompt:
            given = [*given, {"role": "user", "content": request.regeneration_prompt}]
        reasoning = "thinking" if target.owned_by == "ollama" else None
        return history.for_model(given, reasoning=reasoning), previous

    async def _with_prompts(
        self, messages: list[Message], request: TurnRequest, merged: dict[str, Any], user: User
    ) -> list[Message]:
        known = {"variables": request.variables, "chat_variables": request.chat_variables}
        system = prompt.system_of(messages)
        if system is not None:
            text = await prompt.resolve(self._db, prompt.text_of(system), user, **known)
            messages = prompt.replace_system(messages, text)
        folder_prompt = await self._folder_prompt(request, user)
        if folder_prompt:
            messages = prompt.with_system(messages, await prompt.resolve(self._db, folder_prompt, user, **known))
        chosen = merged.get("system")
        if isinstance(chosen, str) and chosen:
            messages = prompt.with_system(messages, await prompt.resolve(self._db, chosen, user, **known))
        return messages

    async def _folder_prompt(self, request: TurnRequest, user: User) -> str | None:
        """The system prompt of the folder the chat lies in, where the asker may read the folder."""
        folder_id = request.folder_id
        if folder_id is None and is_stored(request.chat_id):
            folder_id = await self._db.scalar(
                "context.folder_of", "SELECT folder_id FROM chat WHERE id = :id", id=request.chat_id
            )
        if not folder_id:
            return None
        data = await self._db.first(
            _FolderData, "context.folder", "SELECT data FROM folder WHERE id = :id", id=folder_id
        )
        text = (data.data or {}).get("system_prompt") if data is not None else None
        if not isinstance(text, str) or not text:
            return None
        if user.is_admin or await self._may_read(folder_id, user):
            return text
        return None

    async def _may_read(self, folder_id: str, user: User) -> bool:
        above = await self._db.all(_FolderRow, "context.folders_above", _FOLDER, folder_id=folder_id)
        if any(one.user_id == user.id for one in above):
            return True
        return bool(await self._grants.accessible(user.id, "folder", [one.id for one in above]))


class _FolderData(msgspec.Struct):
    data: dict[str, Any] | None


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
