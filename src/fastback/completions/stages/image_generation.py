"""Image generation: an image is made for the question before the model is asked, which then only speaks of it.

So it is for models that call no functions; the others have tools for images.
"""

from __future__ import annotations

import logging

from fastback.completions.tasks.generations import Generations
from fastback.completions.tasks.requests import parse_image_prompt
from fastback.completions.tools.builtin.conditions import is_legacy
from fastback.completions.turn import Turn
from fastback.config import Config
from fastback.config.keys.images import IMAGE_GENERATION_PROMPT_ENABLE
from fastback.features.images.schemas import AnswerLink, CreateImageForm, EditImageForm, ImageFile
from fastback.features.images.service import ImageService
from fastback.features.prompts import system_messages
from fastback.kit.http.errors import HttpError

log = logging.getLogger("fastback.completions")

#: Messages whose images are edited together.
_MAX_MESSAGES = 2
_CREATED = """\
<context>The image that the user asks for exists: the system has created it and shows it above your answer. Say in a
sentence that it is there.</context>"""
_EDITED = """\
<context>The image that the user asks for exists: the system has edited the images of the chat, and shows the result
above your answer. Say in a sentence that it is there.</context>"""
_FAILED = """\
<context>The system tried to create the image that the user asks for, and failed, so there is none. Tell the user that,
with this error: {error}</context>"""


class ImageGenerationStage:
    """Generate an image, or edit those of the chat, where the request asks for it (`image_generation`)."""

    name = "image_generation"

    def __init__(self, *, config: Config, images: ImageService, generations: Generations) -> None:
        self._config = config
        self._images = images
        self._generations = generations

    async def run(self, turn: Turn) -> None:
        """Make an image and show it with the answer. A failure is shown as a status, and the model tells the user."""
        if not turn.request.features.get("image_generation") or not can_show_images(turn):
            return
        addresses = [url for group in turn.image_addresses[:_MAX_MESSAGES] for url in group]
        is_edit = bool(addresses) and await self._images.may_edit(turn.user)
        if not is_edit and not await self._images.may_generate(turn.user):
            return
        if turn.is_stored:
            await _show(turn, "Creating image", is_done=False)
        try:
            files = await (self._edit_images(turn, addresses) if is_edit else self._generate_images(turn))
        except HttpError as error:
            await self._report_failure(turn, str(error.detail))
            return
        except Exception:
            log.exception("making an image for message %s failed", turn.message_id)
            await self._report_failure(turn, "")
            return
        await _show(turn, "Image created", is_done=True)
        await turn.sink.show_files([{"type": "image", **file} for file in files], "files")
        turn.messages = system_messages.add_system_text(turn.messages, _EDITED if is_edit else _CREATED)

    async def _edit_images(self, turn: Turn, addresses: list[str]) -> list[ImageFile]:
        form = EditImageForm(prompt=turn.question, image=addresses)
        return await self._images.edit_images(form, turn.user, build_answer_link(turn))

    async def _generate_images(self, turn: Turn) -> list[ImageFile]:
        form = CreateImageForm(prompt=await self._write_prompt(turn))
        return await self._images.generate_images(form, turn.user, build_answer_link(turn))

    async def _write_prompt(self, turn: Turn) -> str:
        """Return the prompt that a model writes; the question, where none is asked or its text has no prompt."""
        if not self._config.get_bool(IMAGE_GENERATION_PROMPT_ENABLE):
            return turn.question
        text = await self._generations.generate("image_prompt_generation", turn.messages, turn.model.id, turn.ctx)
        return parse_image_prompt(text) or turn.question

    @staticmethod
    async def _report_failure(turn: Turn, error: str) -> None:
        await _show(turn, "An error occurred while generating an image", is_done=True)
        turn.messages = system_messages.add_system_text(turn.messages, _FAILED.format(error=error))


def can_show_images(turn: Turn) -> bool:
    """Return whether images are made before the model of a turn is asked: it calls no functions, and a chat shows them.

    Whether the user may generate them is another matter.
    """
    return not turn.is_forwarded and is_legacy(turn) and (turn.in_chat or turn.keeps_answer)


def build_answer_link(turn: Turn) -> AnswerLink:
    """Return the message that shows the images of a turn."""
    return AnswerLink(turn.request.chat_id, turn.message_id)


async def _show(turn: Turn, description: str, *, is_done: bool) -> None:
    await turn.sink.show_status({"description": description, "done": is_done})
