"""Texts to speech: the configured engine speaks, and the cache on the disk answers what was spoken before.

The names in the cache are those of the reference: the SHA-256 of the request's body, the engine and the model.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from pathlib import Path
from typing import Any

import msgspec

from fastback import messages
from fastback.access.identity import User
from fastback.config.keys import audio as audio_keys
from fastback.kit.http.errors import BadRequest, HttpError, NotFound
from fastback.kit.json_decoding import decode_json
from fastback.media.speech import realtime_speech
from fastback.media.speech.engine_requests import EngineFailure
from fastback.media.speech.rendering import Rendering, RenderingCache
from fastback.media.speech.sound_tools import ConversionFailed, SoundTools
from fastback.media.speech.speech_engine import (
    EngineContext,
    Payload,
    Sound,
    SpeechEngine,
    SpeechRequest,
    describe_speech_failure,
)

log = logging.getLogger("fastback.speech")

#: Media types of MP3, and of samples without a head.
_MP3_TYPES = ("audio/mpeg", "audio/mp3")
_RAW_TYPES = ("audio/pcm", "audio/l16", "audio/raw")
_RAW_RATE, _RAW_CHANNELS = 24_000, 1
#: Size of a WAV file that is not known when its head is sent.
_UNKNOWN_SIZE = 0x7FFFFF00


class Speech(msgspec.Struct):
    """A spoken text.

    Attributes:
        name: its name in the cache.
        path: the file in the cache.
        rendering: the sound that is being written; None if the file is complete.
        payload: the request as the engine got it; empty if the sound was in the cache.
    """

    name: str
    engine: str
    path: Path
    media_type: str
    rendering: Rendering | None = None
    payload: Payload = {}


class SpeechSynthesis:
    """Speaks texts."""

    def __init__(
        self,
        *,
        context: EngineContext,
        tools: SoundTools,
        cache: RenderingCache,
        engines: Mapping[str, SpeechEngine],
    ) -> None:
        self._context = context
        self._config = context.config
        self._tools = tools
        self._cache = cache
        self._engines = engines

    @property
    def engine(self) -> str:
        """Return the configured engine; empty where the browser speaks."""
        return self._config.get_text(audio_keys.AUDIO_TTS_ENGINE)

    def require_engine(self) -> str:
        """Return the configured engine.

        Raises:
            NotFound: no engine is configured.
        """
        if not self.engine:
            raise NotFound(messages.NOT_FOUND)
        return self.engine

    async def speak(self, body: bytes, user: User) -> Speech:
        """Return the speech of a request `{"input", "voice", …}`, as soon as its sound begins.

        Raises:
            BadRequest: the request is invalid, or the engine is unknown.
            HttpError: the engine failed.
        """
        engine = self.require_engine()
        payload: Payload | None = None
        if engine == realtime_speech.NAME:
            payload = realtime_speech.build_realtime_payload(_parse_payload(body), self._config)
            key = msgspec.json.encode({"engine": engine, **payload})
            extension, media_type = "wav", "audio/wav"
        else:
            key = body + f"{engine}{self._config.get(audio_keys.AUDIO_TTS_MODEL)}".encode()
            extension, media_type = "mp3", "audio/mpeg"
        name = hashlib.sha256(key).hexdigest()
        speech = Speech(name, engine, self._cache.directory / f"{name}.{extension}", media_type)
        if await asyncio.to_thread(speech.path.is_file):
            return speech
        speech.payload = _parse_payload(body) if payload is None else payload
        speech.rendering = self._cache.find(speech.path) or self._start(speech, user)
        # What has to be completed first cannot be played before.
        await speech.rendering.wait_for_sound(until_complete=engine == realtime_speech.NAME)
        return speech

    def _start(self, speech: Speech, user: User) -> Rendering:
        open_sound = self._engines.get(speech.engine)
        if open_sound is None:
            raise BadRequest(f"Unsupported TTS engine: {speech.engine}")
        request = SpeechRequest(speech.payload, user)

        async def render(rendering: Rendering) -> None:
            try:
                async with open_sound(request, self._context) as sound:
                    await self._write(sound, rendering)
            except EngineFailure as failure:
                log.warning("speaking by %s failed: %s", speech.engine, failure)
                raise describe_speech_failure(failure) from failure
            except ConversionFailed as failure:
                log.warning("converting the sound of %s failed: %s", speech.engine, failure)
                raise HttpError(500, f"External: {failure}") from failure

        return self._cache.start(speech.path, render)

    async def _write(self, sound: Sound, rendering: Rendering) -> None:
        """Write a sound, converted where browsers could not play it."""
        chunks = self._convert(sound) if sound.converts else sound.chunks
        async with aclosing(chunks) as closing_chunks:
            async for chunk in closing_chunks:
                await rendering.write(chunk)
        if not rendering.size:
            raise EngineFailure("the answer is empty", status=200)
        head = sound.make_head(rendering.size) if sound.make_head is not None else b""
        await rendering.complete(sound.details, head)

    def _convert(self, sound: Sound) -> AsyncGenerator[bytes]:
        """Return a sound as MP3 where ffmpeg is there, otherwise samples with the head of a WAV file."""
        media_type, _, parameters = sound.content_type.partition(";")
        media_type = media_type.strip().lower()
        if media_type in _MP3_TYPES or self._context.settings.bypass_pydub_preprocessing:
            return sound.chunks
        is_raw = media_type in _RAW_TYPES
        rate, channels = _parse_raw_format(parameters)
        if self._tools.is_available:
            options = ("-f", "s16le", "-ar", str(rate), "-ac", str(channels)) if is_raw else ()
            return self._tools.stream_mp3(sound.chunks, options)
        if not is_raw:
            return sound.chunks
        head = realtime_speech.build_wav_head(_UNKNOWN_SIZE, rate=rate, channels=channels)
        return _prepend(head, sound.chunks)


def _parse_payload(body: bytes) -> dict[str, Any]:
    """Return the body of a request.

    Raises:
        BadRequest: it is not a JSON object.
    """
    try:
        payload = decode_json(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise BadRequest("Invalid JSON payload") from None
    if not isinstance(payload, dict):
        raise BadRequest("Speech payload must be an object.")
    return payload


def _parse_raw_format(parameters: str) -> tuple[int, int]:
    """Return rate and number of channels from the parameters of a media type (`rate=16000;channels=2`)."""
    pairs = (parameter.partition("=") for parameter in parameters.split(";"))
    values = {name.strip().lower(): value.strip() for name, _, value in pairs}

    def read_number(name: str, default: int, maximum: int) -> int:
        value = values.get(name, "")
        return min(max(int(value), 1), maximum) if value.isascii() and value.isdigit() and len(value) < 9 else default

    return read_number("rate", _RAW_RATE, 192_000), read_number("channels", _RAW_CHANNELS, 8)


async def _prepend(head: bytes, chunks: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    yield head
    async with aclosing(chunks):
        async for chunk in chunks:
            yield chunk
