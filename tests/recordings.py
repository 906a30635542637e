"""Recordings: spoken by espeak-ng, or made of tones; converted by ffmpeg."""

from __future__ import annotations

import io
import math
import shutil
import struct
import subprocess
import wave
from pathlib import Path

import pytest

needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")
needs_voice = pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="espeak-ng is not installed")


def make_tone(seconds: float = 0.5, *, rate: int = 16_000, silences: tuple[tuple[float, float], ...] = ()) -> bytes:
    """Return a WAV file with a tone of 440 Hz, silent from and until some seconds."""
    samples = (
        0 if any(begin <= index / rate < end for begin, end in silences) else 8000 * math.sin(index * 2764.6 / rate)
        for index in range(int(seconds * rate))
    )
    return make_wav(b"".join(struct.pack("<h", int(sample)) for sample in samples), rate=rate)


def make_wav(samples: bytes, *, rate: int) -> bytes:
    """Return a WAV file with samples of two bytes."""
    target = io.BytesIO()
    with wave.open(target, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples)
    return target.getvalue()


def speak(text: str) -> bytes:
    """Return a WAV file in which a synthetic voice says a text."""
    return subprocess.run(["espeak-ng", "--stdout", "-s", "140", text], capture_output=True, check=True).stdout


def convert(content: bytes, path: Path, *options: str) -> bytes:
    """Return a recording in the format of the path's extension."""
    source = path.with_suffix(".source")
    source.write_bytes(content)
    command = ["ffmpeg", "-v", "error", "-y", "-i", str(source), *options, str(path)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    return path.read_bytes()


def make_video(path: Path) -> bytes:
    """Return a film of a second, without sound."""
    command = ["ffmpeg", "-v", "error", "-y", "-f", "lavfi", "-i", "color=size=16x16:duration=1", str(path)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    return path.read_bytes()


def measure_seconds(content: bytes, path: Path) -> float:
    """Return the duration of a recording."""
    path.write_bytes(content)
    command = ["ffprobe", "-v", "error", "-of", "csv=p=0", "-show_entries", "format=duration", str(path)]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
