"""Notification targets of a user: created, changed, tested, set as default, deleted."""

from parity.steps import Merged, delete, flatten_steps, get, post, put, refused_steps

_CONFIG = "/api/v1/auths/admin/config"
_TARGETS = "/api/v1/notifications/targets"
#: A public address that receives no requests in this scenario.
_URL = "https://93.184.216.34/services/secret"
_HOOK = {"type": "webhook", "events": ["chat.finished"], "config": {"url": _URL}}

STEPS = flatten_steps(
    get("ada", _TARGETS),
    post("ada", _TARGETS, _HOOK),
    get("ada", _CONFIG, save={"config": "$"}),
    post("ada", _CONFIG, Merged("${config}", {"ENABLE_USER_WEBHOOKS": True})),
    get("ada", "/api/v1/notifications/events"),
    refused_steps("anonymous pending bob", "GET", "/api/v1/notifications/events"),
    get("ada", _TARGETS),
    refused_steps("anonymous pending bob", "GET", _TARGETS),
    post("ada", _TARGETS, _HOOK),
    post("ada", _TARGETS, _HOOK),
    post("ada", _TARGETS, {**_HOOK, "id": "My Phone!", "delivery": "always", "enabled": False}),
    post("ada", _TARGETS, {**_HOOK, "id": "my phone"}),
    post("ada", _TARGETS, {**_HOOK, "id": "--", "events": None, "config": {"url": f" {_URL} ", "more": 1}}),
    post("ada", _TARGETS, {"config": {"url": "https://93.184.216.34/a"}, "events": ["chat.failed", "chat.failed"]}),
    # Refusals.
    post("ada", _TARGETS, {**_HOOK, "type": "pigeon"}),
    post("ada", _TARGETS, {**_HOOK, "events": ["chat.exploded"]}),
    post("ada", _TARGETS, {**_HOOK, "delivery": "never"}),
    post("ada", _TARGETS, {**_HOOK, "config": {}}),
    post("ada", _TARGETS, {**_HOOK, "config": {"url": "http://127.0.0.1/x"}}),
    post("ada", _TARGETS, {**_HOOK, "config": {"url": "nonsense"}}),
    post("ada", _TARGETS, {**_HOOK, "config": "x", "events": "x"}),
    post("ada", _TARGETS, {}),
    refused_steps("anonymous pending bob", "POST", _TARGETS, _HOOK),
    get("ada", _TARGETS),
    # Changes.
    put("ada", f"{_TARGETS}/my-phone", {"enabled": True}),
    put("ada", f"{_TARGETS}/MY-PHONE", {"id": "phone", "config": {"url": "https://93.184.216.34/...cret"}}),
    put("ada", f"{_TARGETS}/phone", {"id": "target"}),
    put("ada", f"{_TARGETS}/phone", {"delivery": "never"}),
    put("ada", f"{_TARGETS}/nothing", {"enabled": True}),
    put("ada", f"{_TARGETS}/phone", {"enabled": "perhaps"}),
    put("ada", f"{_TARGETS}/phone/default"),
    put("ada", f"{_TARGETS}/nothing/default"),
    refused_steps("anonymous pending bob", "PUT", f"{_TARGETS}/phone", {"enabled": True}),
    refused_steps("anonymous pending bob", "PUT", f"{_TARGETS}/phone/default"),
    refused_steps("anonymous pending bob", "POST", f"{_TARGETS}/phone/test"),
    post("ada", f"{_TARGETS}/nothing/test"),
    get("ada", _TARGETS),
    refused_steps("anonymous pending bob", "DELETE", f"{_TARGETS}/phone"),
    delete("ada", f"{_TARGETS}/PHONE"),
    delete("ada", f"{_TARGETS}/phone"),
    get("ada", _TARGETS),
    # The single address that older releases stored.
    post(
        "cy",
        "/api/v1/users/user/settings/update",
        {"ui": {"notifications": {"webhook_url": "https://93.184.216.34/b"}}},
    ),
    get("cy", _TARGETS),
)
