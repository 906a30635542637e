"""The stored configuration: exported, imported, read by area, shown or hidden."""

from parity.steps import flatten_steps, get, post, refused_steps

_C = "/api/v1/configs"
_IMPORT = f"{_C}/import"
_PROSE = ("$.rag.template", "$.image_generation.comfyui.workflow", "$.rag.relevance_threshold", "$.order")
_WHY = "prose of its own; the order is that of rows in a table; SQLite keeps 0.0 as 0"

STEPS = flatten_steps(
    get("ada", f"{_C}/export", save={"all": "$"}, ignore=_PROSE, why=_WHY),
    refused_steps("anonymous pending bob", "GET", f"{_C}/export"),
    get("ada", f"{_C}/namespace/ui", ignore=("$.order",), why=_WHY),
    get("ada", f"{_C}/namespace/nothing"),
    get("ada", f"{_C}/namespace/openai", ignore=("$.order",), why=_WHY),
    refused_steps("anonymous bob", "GET", f"{_C}/namespace/ui"),
    post("ada", _IMPORT, {"config": {"ui.watermark": "Draft", "nothing.known": 1}}, ignore=_PROSE, why=_WHY),
    get("ada", f"{_C}/namespace/ui", ignore=("$.order",), why=_WHY),
    post("ada", _IMPORT, {"config": {"ui": {"watermark": "Nested"}}}, ignore=_PROSE, why=_WHY),
    get("ada", f"{_C}/namespace/ui", ignore=("$.order",), why=_WHY),
    post("ada", _IMPORT, {"config": []}),
    post("ada", _IMPORT, {}),
    refused_steps("anonymous bob", "POST", _IMPORT, {"config": {}}),
    post("ada", _IMPORT, {"config": {"ui.default_models": ["a", "b"]}}, ignore=_PROSE, why=_WHY),
    get("bob", "/api/config"),
    get("bob", f"{_C}/banners"),
    refused_steps("anonymous pending bob", "GET", f"{_C}/namespace/openai"),
    post("ada", f"{_C}/interface/visibility", {"visibility": {}}),
    post("ada", f"{_C}/interface/visibility", {"visibility": {"chat": "yes", "notes": 1}}),
    post("ada", f"{_C}/interface/visibility", {"visibility": {"chat": False}}),
    post("ada", f"{_C}/interface/visibility", {}),
    refused_steps("anonymous pending bob", "POST", f"{_C}/interface/visibility", {"visibility": {}}),
)
