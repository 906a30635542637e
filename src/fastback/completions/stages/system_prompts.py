"""System prompts: those of the request, the folder and the model, and the summary of what was compacted.

The prompt of a model is its owner's: what a request sets goes after it and never replaces it.
"""

from __future__ import annotations

from typing import Any

from fastback.access.permissions import Permissions
from fastback.completions import chat_context_store
from fastback.completions.chat_context_store import ChatLocation, FolderContext
from fastback.completions.model_messages import build_model_messages, find_reasoning_field
from fastback.completions.tools.builtin.conditions import uses_builtin_tools
from fastback.completions.turn import Message, Turn
from fastback.config import Config
from fastback.config.keys.interface import UI_DEFAULT_INTERFACE_SETTINGS
from fastback.features.chats.access import ChatAccess
from fastback.features.chats.chat_ids import is_channel, is_stored
from fastback.features.prompts import prompt_variables, system_messages
from fastback.kit.db import Database


class SystemPromptsStage:
    """Turn stored messages into those that the model is shown, with the system prompts in front."""

    name = "system_prompts"

    def __init__(self, *, db: Database, config: Config, permissions: Permissions, chat_access: ChatAccess) -> None:
        self._db = db
        self._config = config
        self._permissions = permissions
        self._chat_access = chat_access

    async def run(self, turn: Turn) -> None:
        if turn.is_forwarded:
            if not turn.omits_system_prompt:
                turn.messages = await self._add_prompt(turn.messages, turn.model.own_params.get("system"), turn)
            return
        messages = build_model_messages(
            turn.messages,
            reasoning_field=find_reasoning_field(turn.server_model),
            names_files=turn.is_stored and uses_builtin_tools(turn),
        )
        turn.location = await self._find_location(turn)
        turn.folder = await self._find_folder_context(turn)
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

    async def _find_folder_context(self, turn: Turn) -> FolderContext:
        """Return what the chat's folder gives it, and what it lacks from the nearest folder above that has it.

        A folder that the user may not read gives nothing; nor do those above it, as they are read by the same grants.
        """
        folder_id = turn.location.folder_id
        if not folder_id:
            return FolderContext()
        folders = await chat_context_store.list_folders_above(self._db, folder_id)
        prompting = next((folder for folder in folders if folder.system_prompt), None)
        with_files = next((folder for folder in folders if folder.has_files), None)
        readable_ids = await self._list_readable_ids({folder.id for folder in (prompting, with_files) if folder}, turn)
        context = FolderContext()
        if prompting is not None and prompting.id in readable_ids:
            context.system_prompt = prompting.system_prompt
        if with_files is not None and with_files.id in readable_ids:
            context.files_folder_id = with_files.id
        return context

    async def _list_readable_ids(self, folder_ids: set[str], turn: Turn) -> set[str]:
        return {folder_id for folder_id in folder_ids if await self._chat_access.may_read_folder(folder_id, turn.user)}

    async def _add_prompts(self, messages: list[Message], turn: Turn) -> list[Message]:
        """Fill in the variables of the request's system prompt; put the folder's before it, the model's before both."""
        system = system_messages.find_system_message(messages)
        if system is not None and not await self._may_set_prompt(turn, system):
            messages = [message for message in messages if message is not system]
        elif system is not None:
            turn.request_prompt = text = system_messages.get_text(system)
            if "{{" in text:
                messages = system_messages.replace_system_text(messages, await self._resolve(text, turn))
        for prompt in (turn.folder.system_prompt, turn.model.own_params.get("system")):
            messages = await self._add_prompt(messages, prompt, turn)
        return messages

    async def _add_prompt(self, messages: list[Message], prompt: Any, turn: Turn) -> list[Message]:
        if not isinstance(prompt, str) or not prompt:
            return messages
        return system_messages.add_system_text(messages, await self._resolve(prompt, turn))

    async def _may_set_prompt(self, turn: Turn, system: Message) -> bool:
        """Return whether the system prompt of a chat on the page counts.

        The user needs permission, but for the prompt that the administrator has set for all chats, and for those of a
        note's chat, a subagent and a channel, which this server has written. API clients write their whole
        conversation.
        """
        if not turn.in_chat or turn.user.is_admin or turn.location.note_id or turn.is_internal:
            return True
        if is_channel(turn.request.chat_id):
            return True
        default = self._config.get_object(UI_DEFAULT_INTERFACE_SETTINGS).get("system")
        if system.get("content") == default:
            return True
        names = ("chat.controls", "chat.system_prompt")
        return all([await self._permissions.has(turn.user.id, name) for name in names])

    async def _resolve(self, prompt: str, turn: Turn) -> str:
        return await prompt_variables.resolve_variables(
            self._db,
            prompt,
            turn.user,
            variables=turn.request.variables,
            chat_variables=turn.request.chat_variables,
        )
