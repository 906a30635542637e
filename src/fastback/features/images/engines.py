"""The image generation engines: test a connection, and list the models."""

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
#: Seconds that an engine may take where the settings have no limit: loading a model takes minutes.
DEFAULT_SECONDS = 300.0
#: Used if the settings name no node that loads the model.
_DEFAULT_NODE: dict[str, Any] = {"type": "model", "node_ids": []}
#: Names of the engine AUTOMATIC1111; an empty name means this one.
AUTOMATIC1111 = ("", "automatic1111")


class UnknownEngine(Exception):
    """Connections to an engine of this name cannot be tested."""


class ImageEngines:
    """Send requests to the configured image engine."""

    def __init__(self, client: aiohttp.ClientSession, config: Config, settings: Settings) -> None:
        self._client = client
        self._config = config
        self._seconds = settings.aiohttp_client_timeout or DEFAULT_SECONDS

    async def verify_engine(self, engine: str, url: str, key: str | None) -> None:
        """Test the connection to an engine.

        Raises:
            UnknownEngine: there is no test for this engine.
            EngineError: the engine cannot be reached, or refuses access.
        """
        url = url.rstrip("/")
        if engine == "automatic1111":
            url += "/sdapi/v1/options"
            headers = {"authorization": encode_basic_auth(key)} if key is not None else {}
        elif engine == "comfyui":
            url += "/object_info"
            headers = {"authorization": f"Bearer {key}"} if key else {}
        else:
            raise UnknownEngine(engine)
        try:
            async with self._client.get(
                url, headers=headers, timeout=aiohttp.ClientTimeout(total=self._seconds)
            ) as response:
                if response.status >= 400:
                    raise EngineError(f"HTTP {response.status}")
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise EngineError(str(error) or type(error).__name__) from error

    async def list_models(self) -> list[Model] | None:
        """Return the models of the configured engine; None if the engine is unknown.

        Raises:
            EngineError: the engine cannot be reached, or its response is invalid.
        """
        engine = self._config.get_text(images_keys.IMAGE_GENERATION_ENGINE)
        try:
            match engine:
                case "openai":
                    return [{"id": model_id, "name": name} for model_id, name in _OPENAI.items()]
                case "gemini":
                    return [{"id": model_id, "name": name} for model_id, name in _GEMINI.items()]
                case "comfyui":
                    return await self._list_comfyui_models()
                case _ if engine in AUTOMATIC1111:
                    models = await self._call_automatic1111("GET", "sd-models")
                    return [{"id": model["title"], "name": model["model_name"]} for model in models]
        except (KeyError, IndexError, TypeError, AttributeError, msgspec.DecodeError) as error:
            raise EngineError(f"{engine}: unexpected answer: {error!r}") from error
        return None

    async def load_model(self, model: str) -> None:
        """Make AUTOMATIC1111 load a model, if it is the engine. A failure is logged and ignored."""
        if self._config.get_text(images_keys.IMAGE_GENERATION_ENGINE) not in AUTOMATIC1111:
            return
        try:
            options = await self._call_automatic1111("GET", "options")
            if options["sd_model_checkpoint"] != model:
                await self._call_automatic1111("POST", "options", {**options, "sd_model_checkpoint": model})
        except (EngineError, KeyError, TypeError) as error:
            log.info("loading model %s in automatic1111 failed, its model is unchanged: %s", model, error)

    async def _call_automatic1111(self, method: str, path: str, body: Any = None) -> Any:
        return await fetch_json(
            self._client,
            f"{self._config.get_text(images_keys.IMAGE_GENERATION_AUTOMATIC1111_BASE_URL)}/sdapi/v1/{path}",
            method=method,
            headers={
                "authorization": encode_basic_auth(
                    self._config.get_text(images_keys.IMAGE_GENERATION_AUTOMATIC1111_API_AUTH)
                )
            },
            json=body,
            timeout=self._seconds,
        )

    async def _list_comfyui_models(self) -> list[Model] | None:
        """Return the options of the node that loads the model: the node of the settings, or ComfyUI's usual one."""
        base = self._config.get_text(images_keys.IMAGE_GENERATION_COMFYUI_BASE_URL)
        key = self._config.get_text(images_keys.IMAGE_GENERATION_COMFYUI_API_KEY)
        headers = {"authorization": f"Bearer {key}"}
        nodes = await fetch_json(self._client, f"{base}/object_info", headers=headers, timeout=self._seconds)
        model_node = next(
            node
            for node in [*self._config.get_list(images_keys.IMAGE_GENERATION_COMFYUI_NODES), _DEFAULT_NODE]
            if node["type"] == "model"
        )
        if not model_node["node_ids"]:
            return _list_options(nodes["CheckpointLoaderSimple"], "ckpt_name")
        workflow = msgspec.json.decode(self._config.get_text(images_keys.IMAGE_GENERATION_COMFYUI_WORKFLOW))
        node = nodes[workflow[model_node["node_ids"][0]]["class_type"]]
        field = next((name for name in node["input"]["required"] if "_name" in name), None)
        return None if field is None else _list_options(node, field)


def _list_options(node: Any, field: str) -> list[Model]:
    return [{"id": option, "name": option} for option in node["input"]["required"][field][0]]


def encode_basic_auth(credentials: str) -> str:
    """Return the header for `user:password`."""
    return f"Basic {base64.b64encode(credentials.encode()).decode()}"
