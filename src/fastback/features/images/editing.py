"""Edit images with the engine of the settings for edits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastback.access.identity import User
from fastback.config import Config
from fastback.config.keys import images as images_keys
from fastback.features.images.engine_clients import EngineClients
from fastback.features.images.generation import build_response_format
from fastback.features.images.image_size import choose_size, parse_size
from fastback.features.images.schemas import EditImageForm
from fastback.features.images.source_images import SourceImages
from fastback.media.images.comfyui_workflow import WorkflowInputs, fill_workflow
from fastback.media.images.engine_requests import ImageEngineError
from fastback.media.images.pictures import EngineResult, Picture
from fastback.settings import Settings


class Editing:
    """Edits images."""

    def __init__(self, *, config: Config, settings: Settings, clients: EngineClients, sources: SourceImages) -> None:
        self._config = config
        self._settings = settings
        self._clients = clients
        self._sources = sources

    async def edit(self, form: EditImageForm, user: User) -> EngineResult:
        """Return the pictures that the engine makes of the images of the form.

        Raises:
            NotFound: the user may not read one of the images, or it does not exist.
            BadRequest: the size is invalid, or an image cannot be loaded.
            ImageEngineError: the engine failed, or has an unknown name.
        """
        size = choose_size(form.size, self._config.get_text(images_keys.IMAGES_EDIT_SIZE))
        width, height = parse_size(size) if size else (None, None)
        model = self._config.get_text(images_keys.IMAGES_EDIT_MODEL) if form.model is None else form.model
        references = [form.image] if isinstance(form.image, str) else form.image
        pictures = await self._sources.load_images(references, user)
        match self._config.get_text(images_keys.IMAGES_EDIT_ENGINE):
            case "openai":
                return await self._ask_openai(form, model, size, pictures, user)
            case "gemini":
                return await self._clients.build_gemini_for_edits().generate_content(model, form.prompt, pictures)
            case "comfyui":
                fields = {"prompt": form.prompt, "width": width, "height": height, "n": form.n or None}
                return await self._run_comfyui(fields, model, form.negative_prompt, pictures)
        raise ImageEngineError("Unsupported image engine")

    async def _ask_openai(
        self, form: EditImageForm, model: str, size: str | None, pictures: Sequence[Picture], user: User
    ) -> EngineResult:
        optional = {"n": form.n, "size": size, "background": form.background}
        fields = {
            "model": model,
            "prompt": form.prompt,
            **{name: value for name, value in optional.items() if value},
            **build_response_format(model, self._settings),
        }
        client = self._clients.build_openai_for_edits(user)
        return await client.edit_images(fields, pictures, is_list=isinstance(form.image, list))

    async def _run_comfyui(
        self, fields: dict[str, Any], model: str, negative_prompt: str | None, pictures: Sequence[Picture]
    ) -> EngineResult:
        engine = self._clients.build_comfyui_for_edits()
        names = [await engine.upload_picture(picture) for picture in pictures]
        text = self._config.get_text(images_keys.IMAGES_EDIT_COMFYUI_WORKFLOW)
        nodes = self._config.get_list(images_keys.IMAGES_EDIT_COMFYUI_NODES)
        inputs = WorkflowInputs(model=model or None, negative_prompt=negative_prompt, image=names, **fields)
        results = await engine.run_workflow(fill_workflow(text, nodes, inputs))
        # Workflows often show what goes in; where anything is saved, only that is the result.
        saved = [picture for picture in results if "type=output" in picture.url]
        details = {name: value for name, value in {"image": names, **fields}.items() if value is not None}
        return EngineResult([*(saved or results)], {"workflow": {"workflow": text, "nodes": nodes}, **details})
