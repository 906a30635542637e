"""The engines that make pictures: whether they are there, and the models they have."""

from __future__ import annotations

import base64
import logging
from typing import Any

import aiohttp
import msgspec

from fastback.config import Config
from fastback.config.keys import images as images_keys
from fastback.media.engine_client import EngineError, fetch_json
from fastback.settings import Settings

log = logging.getLogger("fastback.images")

Model = dict[str, str]

_OPENAI = {
    "dall-e-2": "DALL·E 2",
    "dall-e-3": "DALL·E 3",
    "gpt-image-1": "GPT-IMAGE 1",
    "gpt-image-1.5": "GPT-IMAGE 1.5",
}
_GEMINI = {"imagen-3.0-generate-002": "imagen-3.0 generate-002"}
#: What the settings say where they name no node that loads the model.
_NO_NODE: dict[str, Any] = {"type": "model", "node_ids": []}
#: The engine without a name is this one, too.
AUTOMATIC1111 = ("", "automatic1111")


class UnknownEngine(Exception):
    """An engine of this name cannot be asked."""


class Engines:
    """What is configured to make pictures, and asking it."""

    def __init__(self, client: aiohttp.ClientSession, config: Config, settings: Settings) -> None:
        self._client = client
        self._config = config
        self._settings = settings

    async def verify(self, engine: str, url: str, key: str | None) -> None:
        """Ask an engine whether it is there.

        Raises:
            UnknownEngine: nothing is known to ask of it.
            EngineError: it is not, or lets us not in.
        """
        url = url.rstrip("/")
        if engine == "automatic1111":
            url += "/sdapi/v1/options"
            headers = {"authorization": _basic(key)} if key is not None else {}
        elif engine == "comfyui":
            url += "/object_info"
            headers = {"authorization": f"Bearer {key}"} if key else {}
        else:
            raise UnknownEngine(engine)
        try:
            async with self._client.get(
                url, headers=headers, timeout=aiohttp.ClientTimeout(total=self._settings.aiohttp_client_timeout)
            ) as response:
                if response.status >= 400:
                    raise EngineError(f"HTTP {response.status}")
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise EngineError(str(error) or type(error).__name__) from error

    async def models(self) -> list[Model] | None:
        """The models of the configured engine; None for an engine nobody knows.

        Raises:
            EngineError: it cannot be reached, or its answer makes no sense.
        """
        engine = self._config.text(images_keys.IMAGE_GENERATION_ENGINE)
        try:
            match engine:
                case "openai":
                    return [{"id": one, "name": name} for one, name in _OPENAI.items()]
                case "gemini":
                    return [{"id": one, "name": name} for one, name in _GEMINI.items()]
                case "comfyui":
                    return await self._comfyui_models()
                case _ if engine in AUTOMATIC1111:
                    found = await self._automatic1111("GET", "sd-models")
                    return [{"id": one["title"], "name": one["model_name"]} for one in found]
        except (KeyError, IndexError, TypeError, AttributeError, msgspec.DecodeError) as error:
            raise EngineError(f"{engine}: unexpected answer: {error!r}") from error
        return None

    async def use(self, model: str) -> None:
        """Let AUTOMATIC1111 load a model, where it is the engine. One that cannot is not waited for."""
        if self._config.text(images_keys.IMAGE_GENERATION_ENGINE) not in AUTOMATIC1111:
            return
        try:
            options = await self._automatic1111("GET", "options")
            if options["sd_model_checkpoint"] != model:
                await self._automatic1111("POST", "options", {**options, "sd_model_checkpoint": model})
        except (EngineError, KeyError, TypeError) as error:
            log.info("model of automatic1111 stays: %s", error)

    async def _automatic1111(self, method: str, path: str, body: Any = None) -> Any:
        return await fetch_json(
            self._client,
            f"{self._config.text(images_keys.IMAGE_GENERATION_AUTOMATIC1111_BASE_URL)}/sdapi/v1/{path}",
            method=method,
            headers={"authorization": _basic(self._config.text(images_keys.IMAGE_GENERATION_AUTOMATIC1111_API_AUTH))},
            json=body,
            timeout=self._settings.aiohttp_client_timeout,
        )

    async def _comfyui_models(self) -> list[Model] | None:
        """The choices of the node that loads the model: the one the settings name, or the usual one."""
        base = self._config.text(images_keys.IMAGE_GENERATION_COMFYUI_BASE_URL)
        key = self._config.text(images_keys.IMAGE_GENERATION_COMFYUI_API_KEY)
        timeout = self._settings.aiohttp_client_timeout
        headers = {"authorization": f"Bearer {key}"}
        nodes = await fetch_json(self._client, f"{base}/object_info", headers=headers, timeout=timeout)
        model = next(
            one
            for one in [*self._config.items(images_keys.IMAGE_GENERATION_COMFYUI_NODES), _NO_NODE]
            if one["type"] == "model"
        )
        if not model["node_ids"]:
            return _choices(nodes["CheckpointLoaderSimple"], "ckpt_name")
        workflow = msgspec.json.decode(self._config.text(images_keys.IMAGE_GENERATION_COMFYUI_WORKFLOW))
        node = nodes[workflow[model["node_ids"][0]]["class_type"]]
        field = next((one for one in node["input"]["required"] if "_name" in one), None)
        return None if field is None else _choices(node, field)


def _choices(node: Any, field: str) -> list[Model]:
    return [{"id": one, "name": one} for one in node["input"]["required"][field][0]]


def _basic(credentials: str) -> str:
    return f"Basic {base64.b64encode(credentials.encode()).decode()}"
