"""Settings of speech: transcription on this machine, and the preparation of recordings."""

from __future__ import annotations

from typing import Annotated

from fastback.settings.field import describe
from fastback.settings.retrieval import RetrievalSettings


class SpeechSettings(RetrievalSettings, frozen=True, kw_only=True):
    """Speech"""

    whisper_model_dir: Annotated[
        str, describe("Directory of Whisper models; `whisper/models` in the cache directory when empty.")
    ] = ""
    whisper_compute_type: Annotated[
        str, describe("Numbers that Whisper computes with, such as `int8`, `float16` or `float32`.")
    ] = "int8"
    whisper_model_auto_update: Annotated[
        bool, describe("Fetch the Whisper model again where a newer version exists; `OFFLINE_MODE` forbids it.")
    ] = False
    whisper_vad_filter: Annotated[bool, describe("Let Whisper skip the silent parts of recordings.")] = False
    whisper_multilingual: Annotated[bool, describe("Let Whisper detect the language of each part of a recording.")] = (
        False
    )
    whisper_language: Annotated[
        str, describe("Language of all recordings, as a code such as `de`; that of each request when empty.")
    ] = ""
    use_cuda_docker: Annotated[bool, describe("Let Whisper compute on a graphics card.")] = False
    bypass_pydub_preprocessing: Annotated[
        bool, describe("Send recordings to speech engines as they are, and pass on their sounds without conversion.")
    ] = False
    fastback_max_recording_mb: Annotated[
        int, describe("Largest recording that `/api/v1/audio/transcriptions` takes, in megabytes.", minimum=1)
    ] = 500
