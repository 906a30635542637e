"""Runs of automations in channels: the prompt is a message of the owner, and the model answers it."""

from __future__ import annotations

from fastback.completions.automations.run import CANCELLED, AutomationRun, RunFailed
from fastback.completions.channels.conversation import build_conversation
from fastback.completions.channels.turns import ChannelTurns
from fastback.completions.stages.admission import Admission
from fastback.config import Config
from fastback.config.keys.features import CHANNELS_ENABLE
from fastback.features.channels import store as channel_store
from fastback.features.channels.access import ChannelAccess
from fastback.features.channels.messages.reader import MessageReader
from fastback.features.channels.messages.schemas import MessageForm
from fastback.features.channels.messages.service import MessageService
from fastback.features.channels.store import Channel
from fastback.kit.db import Database
from fastback.providers.registry import ModelRegistry

_NOT_FOUND, _NOT_PERMITTED = "Channel not found", "Owner no longer permitted to use channels"


class ChannelRuns:
    """Run automations in channels. Their prompts address no other model: only that of the automation answers."""

    def __init__(
        self,
        *,
        db: Database,
        config: Config,
        access: ChannelAccess,
        messages: MessageService,
        reader: MessageReader,
        admission: Admission,
        registry: ModelRegistry,
        turns: ChannelTurns,
    ) -> None:
        self._db = db
        self._config = config
        self._access = access
        self._messages = messages
        self._reader = reader
        self._admission = admission
        self._registry = registry
        self._turns = turns

    async def run(self, run: AutomationRun) -> None:
        """Post the prompt, and have the model answer it; return once the answer is complete.

        Raises:
            HttpError: the owner may not use the model, or it does not exist.
            RunFailed: the owner may not write to the channel, it is gone, or the answer has failed.
        """
        channel = await self._get_channel(run)
        model = await self._admission.require_model(run.task.model_id, run.user)
        meta = {"automation_id": run.automation.id}
        question = await self._messages.post_message(
            channel, run.user, MessageForm(content=run.prompt, data={}), meta=meta
        )
        run.chat_id = f"channel:{channel.id}"
        answer = await self._turns.post_placeholder(
            channel, run.user, model, self._turns.choose_thread(question), automation_id=run.automation.id
        )
        run.channel_message_id = answer.id
        async with self._turns.end_on_failure(answer):
            conversation = await build_conversation(
                [], question, model=model, user=run.user, reader=self._reader, registry=self._registry
            )
        failure = await self._turns.write_answer(answer, model, {"messages": conversation.messages}, run.ctx)
        if failure is not None:
            raise RunFailed(failure or CANCELLED)

    async def _get_channel(self, run: AutomationRun) -> Channel:
        channel_id = run.task.channel_id
        channel = None
        if channel_id and self._config.get_bool(CHANNELS_ENABLE):
            channel = await channel_store.find_channel(self._db, channel_id)
        if channel is None:
            raise RunFailed(_NOT_FOUND)
        if not await self._access.may_use(run.user) or not await self._access.is_allowed(channel, run.user, "write"):
            raise RunFailed(_NOT_PERMITTED)
        return channel
