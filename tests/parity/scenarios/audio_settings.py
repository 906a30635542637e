"""Settings of speech; models and voices."""

from parity.steps import Merged, flat, get, post, refused

_A = "/api/v1/audio"


def _saved(stt: dict[str, object], tts: dict[str, object], **more: object) -> dict[str, object]:
    return {"stt": Merged("${stt}", {"ENGINE": "openai", **stt}), "tts": Merged("${tts}", tts), **more}


STEPS = flat(
    get("ada", f"{_A}/config", save={"tts": "$.tts", "stt": "$.stt", "realtime": "$.realtime"}),
    refused("anonymous pending bob", "GET", f"{_A}/config"),
    refused("anonymous pending bob", "POST", f"{_A}/config/update", {}),
    refused("anonymous pending", "GET", f"{_A}/models"),
    refused("anonymous pending", "GET", f"{_A}/voices"),
    get("bob", f"{_A}/models"),
    get("bob", f"{_A}/voices"),
    post("ada", f"{_A}/config/update", _saved({}, {"ENGINE": "openai"}, realtime="${realtime}")),
    get("bob", f"{_A}/models"),
    get("bob", f"{_A}/voices"),
    post(
        "ada",
        f"{_A}/config/update",
        _saved({"ALLOWED_EXTENSIONS": ["wav"]}, {"ENGINE": "openai", "OPENAI_API_BASE_URL": "${upstream}/v1"}),
    ),
    get("bob", f"{_A}/models"),
    get("bob", f"{_A}/voices"),
    post("ada", f"{_A}/config/update", _saved({}, {"ENGINE": "openai-realtime"}, realtime={"ENABLED": "yes"})),
    get("bob", f"{_A}/models"),
    get("bob", f"{_A}/voices"),
    post("ada", f"{_A}/config/update", _saved({}, {"ENGINE": "mistral", "OPENAI_PARAMS": {"speed": 2}}, realtime=None)),
    get("bob", f"{_A}/models"),
    get("bob", f"{_A}/voices"),
    post("ada", f"{_A}/config/update", _saved({}, {}, realtime={"PROVIDER": "x", "MODEL": "", "INPUT_PARAMS": []})),
    post("ada", f"{_A}/config/update", _saved({"MISTRAL_USE_CHAT_COMPLETIONS": "x"}, {"VOICE": None})),
    post("ada", f"{_A}/config/update", {}),
    get("ada", f"{_A}/config"),
)
