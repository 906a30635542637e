"""Worker: transcribe recordings with faster-whisper. The model stays in memory until the process ends."""

from __future__ import annotations

from typing import Any

from fastback.kit.workers.errors import JobFailed

#: The loaded model, by what it was loaded with.
_loaded: dict[tuple[Any, ...], Any] = {}


def _load_model(job: dict[str, Any]) -> Any:
    from faster_whisper import WhisperModel

    key = (job["model"], job["device"], job["compute_type"], job["directory"])
    if key in _loaded:
        return _loaded[key]
    _loaded.clear()  # one model at a time is in memory
    options = {"device": job["device"], "compute_type": job["compute_type"], "download_root": job["directory"]}
    try:
        model = WhisperModel(job["model"], local_files_only=not job["update"], **options)
    except Exception as error:
        if job["offline"]:
            raise JobFailed(
                f"The Whisper model {job['model']} is not on this machine, and OFFLINE_MODE forbids to fetch it."
            ) from error
        try:
            model = WhisperModel(job["model"], local_files_only=False, **options)
        except Exception as fetch_error:
            raise JobFailed(f"The Whisper model {job['model']} cannot be loaded.") from fetch_error
    _loaded[key] = model
    return model


def handle(job: dict[str, Any]) -> str:
    """Return the text of the recording at `path`."""
    model = _load_model(job)
    try:
        segments, _ = model.transcribe(
            job["path"],
            beam_size=5,
            vad_filter=job["vad_filter"],
            language=job["language"],
            multilingual=job["multilingual"],
        )
        return "".join(segment.text for segment in segments).strip()
    except ValueError as error:  # an unknown language, for instance
        raise JobFailed(f"The recording cannot be transcribed: {error}"[:300]) from error
    except Exception as error:  # PyAV raises an error of its own for each kind of damage, which names the file
        raise JobFailed("The recording cannot be transcribed.") from error
