"""Settings of speech; models and voices."""

from parity.steps import Merged, flatten_steps, get, post, refused_steps

_A = "/api/v1/audio"


def _make_settings(stt: dict[str, object], tts: dict[str, object], **more: object) -> dict[str, object]:
    return {"stt": Merged("${stt}", {"ENGINE": "openai", **stt}), "tts": Merged("${tts}", tts), **more}


STEPS = flatten_steps(
    get("ada", f"{_A}/config", save={"tts": "$.tts", "stt": "$.stt", "realtime": "$.realtime"}),
    refused_steps("anonymous pending bob", "GET", f"{_A}/config"),
    refused_steps("anonymous pending bob", "POST", f"{_A}/config/update", {}),
    refused_steps("anonymous pending", "GET", f"{_A}/models"),
    refused_steps("anonymous pending", "GET", f"{_A}/voices"),
    get("bob", f"{_A}/models"),
    get("bob", f"{_A}/voices"),
    post("ada", f"{_A}/config/update", _make_settings({}, {"ENGINE": "openai"}, realtime="${realtime}")),
    get("bob", f"{_A}/models"),
    get("bob", f"{_A}/voices"),
    post(
        "ada",
        f"{_A}/config/update",
        _make_settings({"ALLOWED_EXTENSIONS": ["wav"]}, {"ENGINE": "openai", "OPENAI_API_BASE_URL": "${upstream}/v1"}),
    ),
    get("bob", f"{_A}/models"),
    get("bob", f"{_A}/voices"),
    post("ada", f"{_A}/config/update", _make_settings({}, {"ENGINE": "openai-realtime"}, realtime={"ENABLED": "yes"})),
    get("bob", f"{_A}/models"),
    get("bob", f"{_A}/voices"),
    post(
        "ada",
        f"{_A}/config/update",
        _make_settings({}, {"ENGINE": "mistral", "OPENAI_PARAMS": {"speed": 2}}, realtime=None),
    ),
    get("bob", f"{_A}/models"),
    get("bob", f"{_A}/voices"),
    post(
        "ada",
        f"{_A}/config/update",
        _make_settings({}, {}, realtime={"PROVIDER": "x", "MODEL": "", "INPUT_PARAMS": []}),
    ),
    post("ada", f"{_A}/config/update", _make_settings({"MISTRAL_USE_CHAT_COMPLETIONS": "x"}, {"VOICE": None})),
    post("ada", f"{_A}/config/update", {}),
    get("ada", f"{_A}/config"),
)
