"""System prompts: those of the request, the folder and the model, and the summary of what was compacted."""

from __future__ import annotations

from fastback.completions import chat_context_store
from fastback.completions.chat_context_store import ChatLocation, FolderContext
from fastback.completions.model_messages import build_model_messages
from fastback.completions.turn import Message, Turn
from fastback.features.chats.access import ChatAccess
from fastback.features.chats.chat_ids import is_stored
from fastback.features.prompts import prompt_variables, system_messages
from fastback.kit.db import Database


class SystemPromptsStage:
    """Turn stored messages into those that the model is shown, with the system prompts in front."""

    name = "system_prompts"

    def __init__(self, db: Database, chat_access: ChatAccess) -> None:
        self._db = db
        self._chat_access = chat_access

    async def run(self, turn: Turn) -> None:
        reasoning_field = "thinking" if turn.server_model.owned_by == "ollama" else None
        messages = build_model_messages(turn.messages, reasoning_field=reasoning_field)
        turn.location = await self._find_location(turn)
        turn.folder = await self._find_readable_folder(turn)
        messages = await self._add_prompts(messages, turn)
        if turn.summary:
            summary = f"[CONVERSATION SUMMARY]\n{turn.summary}"
            messages = system_messages.add_system_text(messages, summary, append=True)
        turn.messages = messages

    async def _find_location(self, turn: Turn) -> ChatLocation:
        """Return where the chat belongs; a chat in no folder counts as one of the folder that the page has open."""
        request = turn.request
        location = None
        if is_stored(request.chat_id) and not request.is_new:
            location = await chat_context_store.find_chat_location(self._db, request.chat_id)
        if location is None:
            return ChatLocation(request.folder_id, None)
        return ChatLocation(location.folder_id or request.folder_id, location.meta)

    async def _find_readable_folder(self, turn: Turn) -> FolderContext | None:
        """Return the folder of the chat, where the user may read it and it gives its chats anything."""
        folder_id = turn.location.folder_id
        if not folder_id:
            return None
        folder = await chat_context_store.find_folder(self._db, folder_id)
        if folder is None or not folder.data or not await self._chat_access.may_read_folder(folder_id, turn.user):
            return None
        return folder

    async def _add_prompts(self, messages: list[Message], turn: Turn) -> list[Message]:
        """Fill in the variables of the request's system prompt; put the folder's before it, the model's before both."""
        system = system_messages.find_system_message(messages)
        if system is not None:
            text = await self._resolve(system_messages.get_text(system), turn)
            messages = system_messages.replace_system_text(messages, text)
        folder_prompt = turn.folder.system_prompt if turn.folder is not None else None
        for prompt in (folder_prompt, turn.parameters.get("system")):
            if isinstance(prompt, str) and prompt:
                messages = system_messages.add_system_text(messages, await self._resolve(prompt, turn))
        return messages

    async def _resolve(self, prompt: str, turn: Turn) -> str:
        return await prompt_variables.resolve_variables(
            self._db,
            prompt,
            turn.user,
            variables=turn.request.variables,
            chat_variables=turn.request.chat_variables,
        )
