"""Worker: speak texts with SpeechT5, by transformers. Model and voices stay in memory until the process ends."""

from __future__ import annotations

from typing import Any

from fastback.kit.workers.errors import JobFailed

_MODEL, _VOICES = "microsoft/speecht5_tts", "Matthijs/cmu-arctic-xvectors"
#: The row of the voice that is used unless the settings name another one.
_DEFAULT_VOICE = 6799

#: The pipeline and the voices, once they are loaded.
_loaded: list[Any] = []


def _load() -> tuple[Any, Any]:
    if not _loaded:
        from datasets import load_dataset
        from transformers import pipeline

        try:
            _loaded[:] = pipeline("text-to-speech", _MODEL), load_dataset(_VOICES, split="validation")
        except Exception as error:
            raise JobFailed(f"The voice {_MODEL} cannot be loaded.") from error
    return _loaded[0], _loaded[1]


def handle(job: dict[str, Any]) -> None:
    """Write the sound of `text` in the voice `voice` to `path`, a WAV file."""
    import soundfile
    import torch

    speak, voices = _load()
    names = list(voices["filename"])
    row = names.index(job["voice"]) if job["voice"] in names else _DEFAULT_VOICE
    embedding = torch.tensor(voices[row]["xvector"]).unsqueeze(0)
    sound = speak(job["text"], forward_params={"speaker_embeddings": embedding})
    soundfile.write(job["path"], sound["audio"], samplerate=sound["sampling_rate"])
