"""ffmpeg and ffprobe: processes of their own, with limits of time, memory and output.

They read files and pipes only, and no format that refers to other files.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, suppress
from pathlib import Path

import msgspec

from fastback.kit.processes.child_process import DEVNULL, PIPE, RunningProcess, start_process

#: Processes that run at the same time; others wait.
PARALLEL_PROCESSES = 2
#: Seconds that the conversion of a recording may take, and that a look at its headers may take.
CONVERSION_SECONDS, PROBE_SECONDS = 1800.0, 20.0
_NICENESS = 10
#: Bytes of what a process writes to standard error that are read, and bytes of a chunk of converted sound.
_ERROR_BYTES, _CHUNK_BYTES = 256 * 1024, 16 * 1024
#: Formats that hold sound themselves; playlists, for instance, make ffmpeg read what they name.
_FORMATS = (
    "aac,ac3,aiff,amr,ape,asf,au,avi,caf,dsf,flac,flv,matroska,webm,mov,mp4,m4a,3gp,3g2,mj2,mp3,mpeg,mpegts,ogg,"
    "s16le,tta,voc,w64,wav,wv"
)
_INPUT_LIMITS = ("-protocol_whitelist", "file,pipe", "-format_whitelist", _FORMATS)
_MAX_ALLOCATION = str(256 * 1024 * 1024)


class ConversionFailed(Exception):
    """A sound cannot be read or converted; the text is the last line of the program's message."""


class SoundInfo(msgspec.Struct, frozen=True):
    """What ffprobe says of the last stream of a file, and its duration in seconds (None where it is unknown)."""

    codec: str
    kind: str
    tag: str
    duration: float | None
    has_sound: bool


class _Stream(msgspec.Struct):
    codec_name: str = ""
    codec_type: str = ""
    codec_tag_string: str = ""


class _Format(msgspec.Struct):
    duration: str = ""


class _Probe(msgspec.Struct):
    streams: list[_Stream] = []
    format: _Format = msgspec.field(default_factory=_Format)


class SoundTools:
    """Run ffmpeg and ffprobe, a few at a time."""

    def __init__(self) -> None:
        self._slots = asyncio.Semaphore(PARALLEL_PROCESSES)

    @property
    def is_available(self) -> bool:
        """Return whether both programs are installed."""
        return shutil.which("ffmpeg") is not None and shutil.which("ffprobe") is not None

    async def probe(self, path: Path) -> SoundInfo:
        """Return what a file contains.

        Raises:
            ConversionFailed: it is not a sound or a video.
        """
        arguments = ("-v", "error", *_INPUT_LIMITS, "-of", "json", "-show_format", "-show_streams", f"file:{path}")
        async with self._slots:
            output, _ = await _run("ffprobe", arguments, PROBE_SECONDS)
        try:
            probe = msgspec.json.decode(output, type=_Probe)
        except msgspec.DecodeError:
            raise ConversionFailed("its format is unknown") from None
        stream = probe.streams[-1] if probe.streams else _Stream()
        return SoundInfo(
            codec=stream.codec_name.lower(),
            kind=stream.codec_type.lower(),
            tag=stream.codec_tag_string.lower(),
            duration=_parse_seconds(probe.format.duration),
            has_sound=any(entry.codec_type == "audio" for entry in probe.streams),
        )

    async def convert(self, source: Path, target: Path, options: Sequence[str] = ()) -> None:
        """Write the sound of a file as MP3 to another one.

        Raises:
            ConversionFailed: it cannot be read, or takes too long.
        """
        output = ("-vn", "-sn", "-dn", "-map_metadata", "-1", *options, "-f", "mp3", f"file:{target}")
        async with self._slots:
            await _run("ffmpeg", (*_build_input(f"file:{source}"), *output), CONVERSION_SECONDS)

    async def list_silences(self, path: Path) -> list[float]:
        """Return the middles of the silent parts of a recording, in seconds, in their order.

        Raises:
            ConversionFailed: it cannot be read, or takes too long.
        """
        output = ("-vn", "-af", "silencedetect=noise=-35dB:d=0.3", "-f", "null", "-")
        async with self._slots:
            _, log_text = await _run("ffmpeg", (*_build_input(f"file:{path}", log="info"), *output), CONVERSION_SECONDS)
        return _parse_silences(log_text)

    async def cut(self, path: Path, times: Sequence[float], pattern: Path) -> None:
        """Cut an MP3 file at these seconds, without encoding it again; `pattern` names the parts (`part_%d.mp3`).

        Raises:
            ConversionFailed: it cannot be read, or takes too long.
        """
        cuts = ",".join(f"{time:.3f}" for time in times)
        output = ("-vn", "-c", "copy", "-f", "segment", "-segment_times", cuts, f"file:{pattern}")
        async with self._slots:
            await _run("ffmpeg", (*_build_input(f"file:{path}"), *output), CONVERSION_SECONDS)

    async def stream_mp3(
        self, chunks: AsyncGenerator[bytes], input_options: Sequence[str] = ()
    ) -> AsyncGenerator[bytes]:
        """Yield a sound as MP3, chunk by chunk while it arrives.

        Raises:
            ConversionFailed: it cannot be read. Exception: what `chunks` raises.
        """
        arguments = (
            *_build_input("pipe:0", (*input_options, "-probesize", "65536", "-analyzeduration", "0")),
            *("-vn", "-f", "mp3", "-flush_packets", "1", "pipe:1"),
        )
        process = await _start("ffmpeg", arguments, stdin=PIPE)
        feeding = asyncio.ensure_future(_feed(process, chunks))
        errors = asyncio.ensure_future(_read_end(process.stderr))
        try:
            stdout = process.stdout
            assert stdout is not None
            is_empty = True
            while chunk := await stdout.read(_CHUNK_BYTES):
                is_empty = False
                yield chunk
            await feeding
            if await process.wait() or is_empty:
                raise ConversionFailed(_find_reason(await errors))
        finally:
            feeding.cancel()
            errors.cancel()
            await _kill(process)
            await asyncio.gather(feeding, errors, return_exceptions=True)


def _build_input(source: str, options: Sequence[str] = (), *, log: str = "error") -> tuple[str, ...]:
    limits = ("-nostdin", "-y", "-hide_banner", "-threads", "1", "-max_alloc", _MAX_ALLOCATION)
    return ("-v", log, *limits, *_INPUT_LIMITS, *options, "-i", source, "-threads", "1")


async def _start(program: str, arguments: Sequence[str], stdin: int = DEVNULL) -> RunningProcess:
    try:
        process = await start_process(
            program,
            *arguments,
            stdin=stdin,
            stdout=PIPE,
            stderr=PIPE,
            env={name: os.environ[name] for name in ("PATH", "HOME", "LANG", "LD_LIBRARY_PATH") if name in os.environ},
        )
    except OSError as error:
        raise ConversionFailed(f"{program} cannot be started: {error}") from error
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, process.pid, _NICENESS)
    return process


async def _run(program: str, arguments: Sequence[str], seconds: float) -> tuple[bytes, str]:
    """Return what a program writes to standard output, and the end of what it writes to standard error.

    Raises:
        ConversionFailed: it fails, or takes longer than `seconds`.
    """
    process = await _start(program, arguments)
    try:
        async with asyncio.timeout(seconds):
            output, errors = await asyncio.gather(_read_end(process.stdout), _read_end(process.stderr))
            code = await process.wait()
    except TimeoutError:
        raise ConversionFailed(f"it took longer than {seconds:g} seconds") from None
    finally:
        await _kill(process)
    text = errors.decode("utf-8", "replace")
    if code:
        raise ConversionFailed(_find_reason(errors))
    return output, text


async def _read_end(stream: asyncio.StreamReader | None) -> bytes:
    """Read a stream to its end, and return its last bytes."""
    assert stream is not None
    content = bytearray()
    while chunk := await stream.read(_CHUNK_BYTES):
        content += chunk
        del content[: max(len(content) - _ERROR_BYTES, 0)]
    return bytes(content)


async def _feed(process: RunningProcess, chunks: AsyncGenerator[bytes]) -> None:
    stdin = process.stdin
    assert stdin is not None
    try:
        async with aclosing(chunks):
            async for chunk in chunks:
                with suppress(ConnectionError):  # the program has ended: its exit code says why
                    stdin.write(chunk)
                    await stdin.drain()
    finally:
        stdin.close()


async def _kill(process: RunningProcess) -> None:
    with suppress(ProcessLookupError):
        if process.returncode is None:
            process.kill()
    await process.wait()


def _find_reason(errors: bytes) -> str:
    lines = [line for line in errors.decode("utf-8", "replace").splitlines() if line.strip()]
    # The path of the file is ours, and says nothing to users.
    return lines[-1].rpartition(": ")[2][:300] if lines else "the sound cannot be read"


def _parse_seconds(text: str) -> float | None:
    try:
        seconds = float(text)
    except ValueError:
        return None
    return seconds if 0 <= seconds < 1e9 else None


def _parse_silences(log_text: str) -> list[float]:
    middles: list[float] = []
    start: float | None = None
    for line in log_text.splitlines():
        if "silence_start: " in line:
            start = _parse_seconds(line.partition("silence_start: ")[2].split()[0].lstrip("-"))
        elif "silence_end: " in line and start is not None:
            end = _parse_seconds(line.partition("silence_end: ")[2].split()[0])
            if end is not None:
                middles.append((start + end) / 2)
            start = None
    return middles
