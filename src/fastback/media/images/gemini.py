"""Google's image models: Imagen by `:predict`, Gemini by `:generateContent`."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from fastback.media.images.engine_requests import EngineRequests, ImageEngineError
from fastback.media.images.pictures import EncodedPicture, EngineResult, Picture, PictureSource, encode_picture

log = logging.getLogger("fastback.images")

Json = dict[str, Any]


class GeminiImages:
    """A server with Google's generative language API."""

    def __init__(self, requests: EngineRequests, *, base_url: str, key: str) -> None:
        self._requests = requests
        self._base_url = base_url
        self._headers = {"x-goog-api-key": key}

    async def predict_images(self, model: str, prompt: str, count: int) -> EngineResult:
        """Return pictures of an Imagen model.

        Raises:
            ImageEngineError: the server failed, or returned no picture.
        """
        parameters = {"sampleCount": count, "outputOptions": {"mimeType": "image/png"}}
        body: Json = {"instances": [{"prompt": prompt}], "parameters": parameters}
        response = await self._call_model(model, "predict", body)
        predictions = response.get("predictions")
        entries = predictions if isinstance(predictions, list) else []
        encoded = [entry.get("bytesBase64Encoded") for entry in entries if isinstance(entry, dict)]
        return EngineResult(_require_pictures(encoded, response), body)

    async def generate_content(self, model: str, prompt: str, pictures: Sequence[Picture] = ()) -> EngineResult:
        """Return pictures of a Gemini model, which may be shown others.

        Raises:
            ImageEngineError: the server failed, or returned no picture.
        """
        parts: list[Json] = [{"text": prompt}]
        for picture in pictures:
            data = {"mime_type": picture.media_type, "data": await encode_picture(picture)}
            parts.append({"inline_data": data})
        response = await self._call_model(model, "generateContent", {"contents": [{"parts": parts}]})
        encoded = [
            inline.get("data") if isinstance(inline := part.get("inlineData"), dict) else None
            for part in _list_parts(response)
        ]
        # The files keep the prompt; the pictures that were sent are files themselves, or were sent with the request.
        return EngineResult(_require_pictures(encoded, response), {"contents": [{"parts": parts[:1]}]})

    async def _call_model(self, model: str, method: str, body: Json) -> Json:
        url = f"{self._base_url}/models/{quote(model, safe='')}:{method}"
        response = await self._requests.send_json(url, body, self._headers)
        return response if isinstance(response, dict) else {}


def _list_parts(response: Json) -> list[Json]:
    """Return the parts of all candidates of a response."""
    candidates = response.get("candidates")
    entries = candidates if isinstance(candidates, list) else []
    contents = [entry.get("content") for entry in entries if isinstance(entry, dict)]
    parts = [content.get("parts") for content in contents if isinstance(content, dict)]
    return [part for entries in parts if isinstance(entries, list) for part in entries if isinstance(part, dict)]


def _require_pictures(encoded: Sequence[Any], response: Json) -> list[PictureSource]:
    """Return pictures in base64.

    Raises:
        ImageEngineError: the list is empty: Google's models leave out what their filters do not let pass.
    """
    pictures: list[PictureSource] = [EncodedPicture(text) for text in encoded if isinstance(text, str) and text]
    if not pictures:
        log.warning("image model of Google returned no image: %s", response.get("promptFeedback"))
        raise ImageEngineError("The image engine returned no image")
    return pictures
