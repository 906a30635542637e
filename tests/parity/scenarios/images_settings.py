"""Settings of images; engines and their models."""

from parity.steps import Merged, flatten_steps, get, post, refused_steps

_I = "/api/v1/images"
_OWN = {"ignore": ("$.COMFYUI_WORKFLOW",), "why": "a workflow of our own"}


def _make_settings(**fields: object) -> Merged:
    return Merged("${page}", {"COMFYUI_WORKFLOW": "{}", **fields})


STEPS = flatten_steps(
    get("ada", f"{_I}/config", save={"page": "$"}, **_OWN),
    refused_steps("anonymous pending bob", "GET", f"{_I}/config"),
    refused_steps("anonymous pending bob", "POST", f"{_I}/config/update", {}),
    refused_steps("anonymous pending bob", "POST", f"{_I}/verify", {}),
    refused_steps("anonymous pending", "GET", f"{_I}/models"),
    get("bob", f"{_I}/models"),
    post(
        "ada",
        f"{_I}/config/update",
        _make_settings(ENABLE_IMAGE_GENERATION=True, COMFYUI_BASE_URL="http://127.0.0.1:9/"),
    ),
    post("ada", f"{_I}/config/update", _make_settings(IMAGE_SIZE="auto")),
    post("ada", f"{_I}/config/update", _make_settings(IMAGE_SIZE="auto", IMAGE_GENERATION_MODEL="gpt-image-1")),
    post("ada", f"{_I}/config/update", _make_settings(IMAGE_SIZE="big")),
    post("ada", f"{_I}/config/update", _make_settings(IMAGE_STEPS=-1)),
    post("ada", f"{_I}/config/update", _make_settings(IMAGE_STEPS="x", COMFYUI_WORKFLOW_NODES=[1])),
    post("ada", f"{_I}/config/update", {}),
    post("ada", f"{_I}/config/update", _make_settings(IMAGE_GENERATION_ENGINE="gemini")),
    get("bob", f"{_I}/models"),
    post(
        "ada", f"{_I}/config/update", _make_settings(IMAGE_GENERATION_ENGINE="comfyui", COMFYUI_BASE_URL="${upstream}")
    ),
    get("bob", f"{_I}/models"),
    post("ada", f"{_I}/config/update", _make_settings(IMAGE_GENERATION_ENGINE="automatic1111")),
    get("bob", f"{_I}/models"),
    post("ada", f"{_I}/config/update", _make_settings(IMAGE_GENERATION_ENGINE="other")),
    get("bob", f"{_I}/models"),
    post("ada", f"{_I}/verify", {"engine": "other", "url": "http://127.0.0.1:9"}),
    post("ada", f"{_I}/verify", {"engine": "comfyui", "url": "http://127.0.0.1:9"}),
    post("ada", f"{_I}/verify", {"engine": "automatic1111", "url": "${upstream}", "key": "u:p"}),
    post("ada", f"{_I}/verify", {}),
    get("ada", f"{_I}/config"),
)
