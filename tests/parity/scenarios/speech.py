"""Texts that are spoken, recordings that are transcribed, and who may have that done."""

from parity.steps import Merged, Step, flatten_steps, get, post, refused_steps

_A = "/api/v1/audio"
#: A tenth of a second of silence, as MP3: engines get it as it is.
_MP3 = (b"\xff\xfb\x90\x00" + bytes(413)) * 40
_TEXT = {"input": "Herons fish in the shallows.", "voice": "alloy"}
_FORM = {"file": ["talk.mp3", _MP3, "audio/mpeg"]}


def _configure(stt: dict[str, object], tts: dict[str, object]) -> Step:
    body = {"stt": Merged("${stt}", stt), "tts": Merged("${tts}", tts)}
    return post("ada", f"{_A}/config/update", body, ignore=("$",), why="all settings of speech")


def _transcribe(who: str, name: str = "talk.mp3", content: bytes = _MP3, kind: str = "audio/mpeg", **more: str) -> Step:
    return post(who, f"{_A}/transcriptions", form={"file": [name, content, kind], **more})


_STT = {"ENGINE": "openai", "OPENAI_API_BASE_URL": "${upstream}/v1", "OPENAI_API_KEY": "key", "MODEL": "whisper-1"}
_TTS = {"ENGINE": "openai", "OPENAI_API_BASE_URL": "${upstream}/v1", "OPENAI_API_KEY": "key"}
_WAITING = {"process_in_background": False}

STEPS = flatten_steps(
    get("ada", f"{_A}/config", save={"tts": "$.tts", "stt": "$.stt"}),
    # Without an engine.
    refused_steps("anonymous pending bob ada", "POST", f"{_A}/speech", _TEXT),
    refused_steps("anonymous pending", "POST", f"{_A}/transcriptions", form=_FORM),
    _configure({**_STT}, {**_TTS}),
    post("bob", f"{_A}/speech", _TEXT),
    post("bob", f"{_A}/speech", _TEXT),
    Step("bob", "POST", f"{_A}/speech", raw=b"{no json"),
    _configure({**_STT}, {**_TTS, "ENGINE": "parrot"}),
    post("bob", f"{_A}/speech", _TEXT),
    _configure({**_STT}, {**_TTS, "ENGINE": "mistral", "MISTRAL_API_KEY": ""}),
    post("bob", f"{_A}/speech", _TEXT),
    _configure({**_STT}, {**_TTS, "ENGINE": "elevenlabs"}),
    post("bob", f"{_A}/speech", {"input": "x", "voice": " "}),
    _configure({**_STT}, {**_TTS, "ENGINE": "openai-realtime", "OPENAI_API_KEY": ""}),
    post("bob", f"{_A}/speech", {"input": "x"}),
    post("bob", f"{_A}/speech", {"input": " "}),
    post("bob", f"{_A}/speech", [1]),
    Step("bob", "POST", f"{_A}/speech", raw=b"{no json"),
    _configure({**_STT}, {**_TTS, "ENGINE": "openai-realtime", "OPENAI_API_BASE_URL": "ftp://x"}),
    post("bob", f"{_A}/speech", {"input": "x"}),
    _configure({**_STT}, {**_TTS, "ENGINE": "openai-realtime", "MODEL": ""}),
    post("bob", f"{_A}/speech", {"input": "x"}),
    # Recordings.
    _configure({**_STT}, {**_TTS}),
    _transcribe("bob"),
    _transcribe("bob", language="de"),
    _transcribe("bob", language="xx"),
    _transcribe("bob", "talk.txt", b"text", "text/plain"),
    _transcribe("bob", "talk.exe"),
    _transcribe("bob", "talk"),
    post("bob", f"{_A}/transcriptions", form={"language": "de"}),
    _configure({**_STT, "SUPPORTED_CONTENT_TYPES": ["audio/ogg"], "ALLOWED_EXTENSIONS": []}, {**_TTS}),
    _transcribe("bob"),
    _transcribe("bob", "talk", _MP3, "audio/ogg"),
    _configure({**_STT, "OPENAI_API_BASE_URL": "${upstream}/missing"}, {**_TTS}),
    _transcribe("bob"),
    _configure({**_STT, "ENGINE": "azure", "AZURE_API_KEY": ""}, {**_TTS}),
    _transcribe("bob"),
    _configure({**_STT, "ENGINE": "mistral", "MISTRAL_API_KEY": ""}, {**_TTS}),
    _transcribe("bob"),
    _configure({**_STT, "ENGINE": "web"}, {**_TTS}),
    _transcribe("bob"),
    # An uploaded recording has its transcript as its text.
    _configure({**_STT}, {**_TTS}),
    post("bob", "/api/v1/files/", form=_FORM, query=_WAITING, save={"file": "$.id"}),
    get("bob", "/api/v1/files/${file}"),
    get("bob", "/api/v1/files/${file}/process/status"),
    # Without the permissions.
    get("ada", "/api/v1/users/default/permissions", save={"permissions": "$", "chat": "$.chat"}),
    post(
        "ada",
        "/api/v1/users/default/permissions",
        Merged("${permissions}", {"chat": Merged("${chat}", {"tts": False, "stt": False})}),
    ),
    refused_steps("bob", "POST", f"{_A}/speech", _TEXT),
    refused_steps("bob", "POST", f"{_A}/transcriptions", form=_FORM),
    post("ada", f"{_A}/speech", _TEXT),
    _transcribe("ada"),
)
