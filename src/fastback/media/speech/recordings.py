"""Recordings as speech engines take them: converted to MP3 where needed, and cut into parts below 20 MB."""

from __future__ import annotations

import asyncio
import bisect
import logging
from pathlib import Path

from fastback.kit.http.errors import BadRequest
from fastback.media.speech.sound_tools import ConversionFailed, SoundInfo, SoundTools

log = logging.getLogger("fastback.speech")

#: Bytes of the largest file that engines take.
MAX_PART_BYTES = 20 * 1024 * 1024
#: Codecs that engines take as they are.
_ACCEPTED_CODECS = frozenset({"flac", "m4a", "mp3", "mp4", "mpeg", "wav", "webm"})
#: Bits per second of converted sound, and of sound that would be too large otherwise.
_ORDINARY_RATE, _LOW_RATE = 128_000, 32_000
_LOW_OPTIONS = ("-ar", "16000", "-ac", "1", "-b:a", "32k")
_ORDINARY_OPTIONS = ("-b:a", "128k")
#: Seconds before the end of a part in which it is cut at a silence, and the part of the largest size that is used.
_SILENCE_SECONDS, _FILL = 60.0, 0.95

UNREADABLE = "Audio conversion failed. The audio file may be corrupted or empty."


async def prepare_recording(path: Path, directory: Path, tools: SoundTools) -> list[Path]:
    """Return the parts of a recording in their order, in `directory` unless the file itself is one.

    Raises:
        BadRequest: it is not a recording, has no sound, or is too large for a machine without ffmpeg.
    """
    size = (await asyncio.to_thread(path.stat)).st_size
    if not size:
        raise BadRequest(UNREADABLE)
    if not tools.is_available:
        if size > MAX_PART_BYTES:
            log.warning("a recording of %d bytes cannot be divided: ffmpeg is not installed", size)
            raise BadRequest("Recordings of more than 20 MB need ffmpeg, which is not installed on this server.")
        return [path]
    try:
        info = await tools.probe(path)
        if not info.has_sound:
            raise BadRequest(UNREADABLE)
        if not needs_conversion(info) and size <= MAX_PART_BYTES:
            return [path]
        converted = await _convert(path, directory, info, tools)
        if (await asyncio.to_thread(converted.stat)).st_size <= MAX_PART_BYTES:
            return [converted]
        return await _divide(converted, directory, tools)
    except ConversionFailed as error:
        log.info("converting a recording failed: %s", error)
        raise BadRequest(UNREADABLE) from None


def needs_conversion(info: SoundInfo) -> bool:
    """Return whether engines may refuse a recording: MP3, FLAC and a few others are taken as they are."""
    return info.codec not in _ACCEPTED_CODECS


async def _convert(path: Path, directory: Path, info: SoundInfo, tools: SoundTools) -> Path:
    """Return the recording as MP3, at a lower rate where it would be too large otherwise."""
    fits = info.duration is not None and info.duration * _ORDINARY_RATE / 8 < MAX_PART_BYTES * _FILL
    target = directory / "recording.mp3"
    if fits or info.duration is None:
        await tools.convert(path, target, _ORDINARY_OPTIONS)
        if (await asyncio.to_thread(target.stat)).st_size <= MAX_PART_BYTES:
            return target
    compressed = directory / "compressed.mp3"
    await tools.convert(path, compressed, _LOW_OPTIONS)
    return compressed


async def _divide(path: Path, directory: Path, tools: SoundTools) -> list[Path]:
    """Cut an MP3 file of the low rate into parts, at silences where there are any."""
    info = await tools.probe(path)
    if info.duration is None:
        raise ConversionFailed("its duration is unknown")
    times = choose_cuts(info.duration, MAX_PART_BYTES * _FILL * 8 / _LOW_RATE, await tools.list_silences(path))
    pattern = directory / "part_%d.mp3"
    await tools.cut(path, times, pattern)
    parts = [directory / f"part_{number}.mp3" for number in range(len(times) + 1)]
    existing = [part for part in parts if await asyncio.to_thread(part.exists)]
    if not existing:
        raise ConversionFailed("it cannot be divided")
    return existing


def choose_cuts(duration: float, part_seconds: float, silences: list[float]) -> list[float]:
    """Return at which seconds a recording is cut, so that no part is longer than `part_seconds`.

    A part ends in the last silence of its last minute, or at its full length without a silence.
    """
    cuts: list[float] = []
    start = 0.0
    while duration - start > part_seconds:
        end = start + part_seconds
        earliest = max(end - _SILENCE_SECONDS, start + part_seconds / 2)
        index = bisect.bisect_right(silences, end) - 1
        cut = silences[index] if index >= 0 and silences[index] >= earliest else end
        cuts.append(cut)
        start = cut
    return cuts
