"""Generate images with the engine of the settings."""

from __future__ import annotations

import re
from typing import Any

from fastback.access.identity import User
from fastback.config import Config
from fastback.config.keys import images as images_keys
from fastback.features.images.engine_clients import EngineClients
from fastback.features.images.engines import AUTOMATIC1111, ImageEngines
from fastback.features.images.image_size import DEFAULT_SIZE, choose_size, parse_size
from fastback.features.images.schemas import CreateImageForm
from fastback.media.images.comfyui_workflow import WorkflowInputs, fill_workflow
from fastback.media.images.engine_requests import ImageEngineError
from fastback.media.images.pictures import EngineResult
from fastback.settings import Settings

_DEFAULT_OPENAI_MODEL, _DEFAULT_GEMINI_MODEL = "dall-e-2", "imagen-3.0-generate-002"


def build_response_format(model: str, settings: Settings) -> dict[str, str]:
    """Return the field that asks a model of OpenAI for base64; newer ones return it anyway, and refuse the field."""
    is_fixed = re.match(settings.image_url_response_models_regex_pattern, model)
    return {} if is_fixed else {"response_format": "b64_json"}


class Generation:
    """Generates images."""

    def __init__(self, *, config: Config, settings: Settings, clients: EngineClients, engines: ImageEngines) -> None:
        self._config = config
        self._settings = settings
        self._clients = clients
        self._engines = engines

    async def generate(self, form: CreateImageForm, user: User) -> EngineResult:
        """Return the pictures of the engine.

        Raises:
            BadRequest: the size is invalid.
            ImageEngineError: the engine failed, or has an unknown name.
        """
        configured_size = self._config.get_text(images_keys.IMAGE_GENERATION_SIZE)
        width, height = parse_size(choose_size(form.size, configured_size) or DEFAULT_SIZE)
        match self._config.get_text(images_keys.IMAGE_GENERATION_ENGINE):
            case "openai":
                return await self._ask_openai(form, form.size or configured_size, user)
            case "gemini":
                return await self._ask_gemini(form)
            case "comfyui":
                return await self._run_comfyui(form, width, height)
            case engine if engine in AUTOMATIC1111:
                return await self._run_automatic1111(form, width, height, user)
        raise ImageEngineError("Unsupported image engine")

    async def _ask_openai(self, form: CreateImageForm, size: str, user: User) -> EngineResult:
        model = self._config.get_text(images_keys.IMAGE_GENERATION_MODEL) or _DEFAULT_OPENAI_MODEL
        body: dict[str, Any] = {
            "model": model,
            "prompt": form.prompt,
            "n": form.n,
            **({"size": size} if size else {}),
            **build_response_format(model, self._settings),
            **self._config.get_object(images_keys.IMAGE_GENERATION_OPENAI_PARAMS),
        }
        return await self._clients.build_openai(user).generate_images(body)

    async def _ask_gemini(self, form: CreateImageForm) -> EngineResult:
        model = self._config.get_text(images_keys.IMAGE_GENERATION_MODEL) or _DEFAULT_GEMINI_MODEL
        method = self._config.get_text(images_keys.IMAGE_GENERATION_GEMINI_ENDPOINT_METHOD)
        if method in ("", "predict"):
            return await self._clients.build_gemini().predict_images(model, form.prompt, form.n)
        if method == "generateContent":
            return await self._clients.build_gemini().generate_content(model, form.prompt)
        raise ImageEngineError("Unsupported endpoint method")

    async def _run_comfyui(self, form: CreateImageForm, width: int, height: int) -> EngineResult:
        text = self._config.get_text(images_keys.IMAGE_GENERATION_COMFYUI_WORKFLOW)
        nodes = self._config.get_list(images_keys.IMAGE_GENERATION_COMFYUI_NODES)
        fields = {"prompt": form.prompt, "width": width, "height": height, "n": form.n, **self._build_options(form)}
        inputs = WorkflowInputs(
            model=self._config.get_text(images_keys.IMAGE_GENERATION_MODEL) or None,
            prompt=form.prompt,
            negative_prompt=form.negative_prompt,
            width=width,
            height=height,
            n=form.n,
            steps=fields.get("steps"),
        )
        pictures = await self._clients.build_comfyui().run_workflow(fill_workflow(text, nodes, inputs))
        return EngineResult([*pictures], {"workflow": {"workflow": text, "nodes": nodes}, **fields})

    async def _run_automatic1111(self, form: CreateImageForm, width: int, height: int, user: User) -> EngineResult:
        """Generate with the model that the engine has loaded: it holds one for everybody.

        So the model of a form counts only where an administrator has sent it, and becomes that of the settings.
        """
        engine = self._clients.build_automatic1111()
        try:
            await engine.get_model()
        except ImageEngineError as error:
            raise ImageEngineError("Failed to connect to the image generation engine") from error
        if form.model and user.is_admin:
            await self._config.set(images_keys.IMAGE_GENERATION_MODEL, form.model)
            await self._engines.load_model(form.model)
        body = {
            "prompt": form.prompt,
            "batch_size": form.n,
            "width": width,
            "height": height,
            **self._build_options(form),
            **self._config.get_object(images_keys.IMAGE_GENERATION_AUTOMATIC1111_API_PARAMS),
        }
        return await engine.generate_images(body)

    def _build_options(self, form: CreateImageForm) -> dict[str, Any]:
        """Return steps and negative prompt where the form or the settings name them."""
        steps = form.steps if form.steps is not None else self._config.get(images_keys.IMAGE_GENERATION_STEPS)
        options = {"steps": steps, "negative_prompt": form.negative_prompt}
        return {name: value for name, value in options.items() if value is not None}
