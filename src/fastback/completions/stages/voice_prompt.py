"""Voice prompt: in a voice call, the model is asked for answers that sound well when they are spoken."""

from __future__ import annotations

from fastback.completions.turn import Turn
from fastback.config import Config
from fastback.config.keys.tasks import TASK_VOICE_PROMPT_ENABLE, TASK_VOICE_PROMPT_TEMPLATE
from fastback.features.prompts import system_messages

DEFAULT = (
    "You talk with the user in a voice call: each answer is spoken aloud. Answer in a few short, plain, friendly "
    "sentences, the most helpful one first. Write no markup, lists, tables, code or addresses, and no symbols that "
    "cannot be read out; spell out numbers and abbreviations where that sounds better. Offer details instead of giving "
    "all of them, and ask when you did not understand."
)


class VoicePromptStage:
    """Put the prompt for voice calls before the system prompt, where the page says that it speaks."""

    name = "voice_prompt"

    def __init__(self, config: Config) -> None:
        self._config = config

    async def run(self, turn: Turn) -> None:
        if turn.is_forwarded or not turn.request.features.get("voice"):
            return
        if self._config.get_bool(TASK_VOICE_PROMPT_ENABLE):
            prompt = self._config.get_text(TASK_VOICE_PROMPT_TEMPLATE) or DEFAULT
            turn.messages = system_messages.add_system_text(turn.messages, prompt)
