"""Runs of automations in chats: each run has a new chat, with the prompt and its answer."""

from __future__ import annotations

import uuid
from typing import Any

from fastback.completions.automations.run import CANCELLED, AutomationRun, RunFailed
from fastback.completions.model_defaults import list_model_defaults
from fastback.completions.page_turns import PageTurns
from fastback.completions.stages.admission import Admission
from fastback.completions.turn_request import TurnRequest, parse_turn_request
from fastback.config import Config
from fastback.features.automations import store
from fastback.features.automations.access import AutomationAccess
from fastback.features.chats.events import ChatWritten
from fastback.features.chats.messages import turn_store
from fastback.features.chats.messages.turn_placement import build_empty_answer
from fastback.features.chats.turn_events import TurnEvent
from fastback.features.terminals.servers import TerminalRefused
from fastback.features.terminals.tool_servers import TerminalToolServers
from fastback.kit.bus import Bus
from fastback.kit.clock import clock
from fastback.kit.db import Database
from fastback.kit.http.errors import HttpError
from fastback.providers.model import Model
from fastback.providers.registry import ModelRegistry

Json = dict[str, Any]


class ChatRuns:
    """Run automations in new chats of their owners."""

    def __init__(
        self,
        *,
        db: Database,
        config: Config,
        bus: Bus,
        access: AutomationAccess,
        admission: Admission,
        registry: ModelRegistry,
        turns: PageTurns,
        terminals: TerminalToolServers,
    ) -> None:
        self._db = db
        self._config = config
        self._bus = bus
        self._access = access
        self._admission = admission
        self._registry = registry
        self._turns = turns
        self._terminals = terminals

    async def run(self, run: AutomationRun) -> None:
        """Write the prompt and its answer into a new chat; return once the answer is complete.

        Raises:
            HttpError: the owner may not use the model, or it does not exist. RunFailed: the answer is an error.
        """
        folder_id = await self._find_folder(run)
        request = self._build_request(run, await self._registry.find(run.task.model_id))
        await self._insert_chat(run, request, folder_id)
        run.chat_id = request.chat_id
        answer_id = str(request.slots[0].message_id)
        try:
            model = await self._admission.require_model(run.task.model_id, run.user)
            await self._set_directory(run)
        except (HttpError, RunFailed) as error:
            text = error.detail if isinstance(error, HttpError) else str(error)
            failure = {"done": True, "error": {"content": text}}
            await turn_store.save_message(self._db, request.chat_id, answer_id, failure)
            raise
        if not await self._turns.run_placed(request, run.ctx, model=model, folder_id=folder_id):
            raise RunFailed(CANCELLED)
        await self._require_answer(request.chat_id, answer_id)

    async def _find_folder(self, run: AutomationRun) -> str | None:
        """Return the folder of the chat; an automation leaves a folder that is gone."""
        folder_id = run.automation.folder_id
        if folder_id is None or await self._access.owns_folder(folder_id, run.user.id):
            return folder_id
        await store.clear_folder(self._db, run.automation.id, folder_id)
        return None

    def _build_request(self, run: AutomationRun, model: Model | None) -> TurnRequest:
        defaults = list_model_defaults(model, self._config) if model is not None else {}
        features = {**defaults.get("features", {}), **run.features}
        body: Json = {
            **defaults,
            **({"features": features} if features else {}),
            "model": run.task.model_id,
            "messages": [{"role": "user", "content": run.prompt}],
            "stream": True,
            "chat_id": str(uuid.uuid4()),
            "id": str(uuid.uuid4()),
            "parent_id": None,
            "user_message": {
                "id": str(uuid.uuid4()),
                "parentId": None,
                "role": "user",
                "content": run.prompt,
            },
            "session_id": f"automation:{run.automation.id}",
            "background_tasks": {},
        }
        if run.task.terminal is not None:
            body["terminal_id"] = run.task.terminal.server_id
        return parse_turn_request(body)

    async def _insert_chat(self, run: AutomationRun, request: TurnRequest, folder_id: str | None) -> None:
        chat_id, answer_id = request.chat_id, str(request.slots[0].message_id)
        now = int(clock.time())
        question = {
            **request.user_message,
            "childrenIds": [answer_id],
            "timestamp": now,
            "models": [run.task.model_id],
        }
        answer = build_empty_answer(answer_id, question["id"], run.task.model_id)
        document = {
            "title": run.automation.name,
            "models": [run.task.model_id],
            "history": {"currentId": answer_id, "messages": {question["id"]: question, answer_id: answer}},
            "messages": [{"role": "user", "content": run.prompt}],
            "meta": {"automation_id": run.automation.id},
        }
        await turn_store.insert_chat(
            self._db, chat_id=chat_id, user_id=run.user.id, document=document, folder_id=folder_id
        )
        await self._bus.publish(TurnEvent(run.user.id, chat_id, question["id"], {"type": "chat:list"}))
        await self._bus.publish(ChatWritten(chat_id, run.user.id))

    async def _set_directory(self, run: AutomationRun) -> None:
        """Let the terminal of an automation begin in its directory.

        Raises:
            RunFailed: the owner or the automation may not use the terminal.
        """
        terminal = run.task.terminal
        connection = self._terminals.find_connection(terminal.server_id) if terminal is not None else None
        if terminal is None or not terminal.cwd or connection is None:
            return
        try:
            await self._terminals.set_directory(connection, run.build_chat_context(), terminal.cwd)
        except TerminalRefused as refused:
            raise RunFailed(f"Terminal unavailable: {refused}") from None

    async def _require_answer(self, chat_id: str, answer_id: str) -> None:
        """Check that an answer is complete.

        Raises:
            RunFailed: it is not, or it is an error.
        """
        message = await turn_store.find_message(self._db, chat_id, answer_id)
        error = (message or {}).get("error")
        if error:
            raise RunFailed(str(error.get("content") if isinstance(error, dict) else error))
        if message is None or not message.get("done"):
            raise RunFailed("Automation reply did not complete")
