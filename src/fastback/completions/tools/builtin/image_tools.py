"""Images: generate them, and edit those of the chat."""

from __future__ import annotations

from typing import Any

from fastback.completions.tools.builtin.builtin_tool import Arguments, BuiltinGroup, BuiltinTool, array, text
from fastback.completions.tools.builtin.conditions import OfferConditions
from fastback.completions.tools.offered_tool import ToolCallContext, ToolError
from fastback.completions.turn import Turn
from fastback.features.images.schemas import AnswerLink, CreateImageForm, EditImageForm, ImageFile
from fastback.features.images.service import ImageService

Json = dict[str, Any]

_SHOWN = "The chat already shows the {kind} image to the user. Do not show or link it again; just say that it is there."
_SIZE = text(
    "size", 'Width and height in pixels, such as "1536x1024"; by default the size that the settings name', None
)


class ImageTools(BuiltinGroup):
    """`generate_image` and `edit_image`."""

    category = "image_generation"

    def __init__(self, images: ImageService) -> None:
        self._images = images

    async def is_available(self, turn: Turn, conditions: OfferConditions) -> bool:
        if not (conditions.wants_feature("image_generation") and conditions.has_capability("image_generation")):
            return False
        return await self._images.may_generate(turn.user) or await self._images.may_edit(turn.user)

    async def list_tools(self, turn: Turn, conditions: OfferConditions) -> list[BuiltinTool]:
        tools: list[BuiltinTool] = []
        if await self._images.may_generate(turn.user):
            tools.append(
                BuiltinTool(
                    "generate_image",
                    "Generate an image from a description.",
                    [text("prompt", "What the image shows, in detail"), _SIZE],
                    self._generate_image,
                )
            )
        if await self._images.may_edit(turn.user):
            tools.append(
                BuiltinTool(
                    "edit_image",
                    "Change images, or make a new one of them: add, remove or replace what they show, extend them, "
                    "or put them together.",
                    [
                        text("prompt", "What to change"),
                        array("image_urls", "Addresses or ids of the images", {"type": "string"}),
                        _SIZE,
                    ],
                    self._edit_image,
                )
            )
        return tools

    async def _generate_image(self, arguments: Arguments, context: ToolCallContext) -> Json:
        turn = context.turn
        form = CreateImageForm(prompt=arguments.text("prompt"), size=arguments.optional_text("size"))
        files = await self._images.generate_images(form, turn.user, _build_link(turn))
        return await _show_files(turn, files, "generated")

    async def _edit_image(self, arguments: Arguments, context: ToolCallContext) -> Json:
        turn, urls = context.turn, arguments.array("image_urls")
        if not all(isinstance(url, str) for url in urls):
            raise ToolError("'image_urls' must be a list of texts")
        form = EditImageForm(prompt=arguments.text("prompt"), image=urls, size=arguments.optional_text("size"))
        files = await self._images.edit_images(form, turn.user, _build_link(turn))
        return await _show_files(turn, files, "edited")


def _build_link(turn: Turn) -> AnswerLink | None:
    chat_id = turn.request.chat_id
    return AnswerLink(chat_id, turn.message_id) if chat_id else None


async def _show_files(turn: Turn, files: list[ImageFile], kind: str) -> Json:
    """Show images with the answer, and return what the model reads of them."""
    await turn.sink.show_files([{"type": "image", **file} for file in files], "chat:message:files")
    return {"status": "success", "message": _SHOWN.format(kind=kind), "images": files}
