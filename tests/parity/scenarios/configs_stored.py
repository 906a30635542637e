"""The stored configuration as a whole: exported, imported, read by area, shown or hidden."""

from parity.steps import flat, get, post, refused

_C = "/api/v1/configs"
_FRESH = ("$.version",)

STEPS = flat(
    get("ada", f"{_C}/export", save={"all": "$"}),
    refused("anonymous pending bob", "GET", f"{_C}/export"),
    get("ada", f"{_C}/namespace/ui"),
    get("ada", f"{_C}/namespace/nothing"),
    get("ada", f"{_C}/namespace/openai"),
    refused("anonymous bob", "GET", f"{_C}/namespace/ui"),
    post("ada", f"{_C}/import", {"config": {"ui.watermark": "Draft", "nothing.known": 1}}),
    get("ada", f"{_C}/namespace/ui"),
    post("ada", f"{_C}/import", {"config": {"ui": {"watermark": "Nested"}}}),
    get("ada", f"{_C}/namespace/ui"),
    post("ada", f"{_C}/import", {"config": []}),
    post("ada", f"{_C}/import", {}),
    refused("anonymous bob", "POST", f"{_C}/import", {"config": {}}),
    get("bob", "/api/config"),
    post("ada", f"{_C}/interface/visibility", {"visibility": {}}),
    post("ada", f"{_C}/interface/visibility", {"visibility": {"chat": False}}),
    post("ada", f"{_C}/interface/visibility", {}),
    refused("anonymous bob", "POST", f"{_C}/interface/visibility", {"visibility": {}}),
)
