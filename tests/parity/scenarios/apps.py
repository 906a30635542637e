"""External apps as records, and refused connections to them."""

from parity.steps import Merged, delete, flatten_steps, get, patch, post, refused_steps

_A = "/api/v1/apps"
_ONE = f"{_A}/${{app}}"
_CONFIG = "/api/v1/auths/admin/config"
_KEY = """-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAsWwB/De581nrbie4bi6pWFK9Pxiqea/xnEsKO0A8TEE=
-----END PUBLIC KEY-----
"""
_OTHER_KIND = """-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAECkpQWOQzjrWdsbpgGAF4XfJznyZN
FzRoB8n4hWxS0uLZFQPy+lxzl6N8zPquE1mixxJXYHe606lepSz3eIy6MQ==
-----END PUBLIC KEY-----
"""
_MANIFEST = {"id": "clock", "name": "Clock", "public_key": _KEY, "requested_scopes": ["channels:read"]}
_FORM = {
    "manifest": _MANIFEST,
    "url": "https://clock.example.com/app",
    "api_key": "secret",
    "slug": "clock",
    "granted_scopes": ["channels:read"],
}


def _make_form(**more: object) -> dict[str, object]:
    return {**_FORM, **more}


STEPS = flatten_steps(
    get("ada", _A),
    post("ada", _A, _FORM),
    get("ada", _CONFIG, save={"config": "$"}),
    post("ada", _CONFIG, Merged("${config}", {"ENABLE_APPS": True})),
    get("ada", _A),
    get("bob", _A),
    refused_steps("anonymous pending", "GET", _A),
    refused_steps("anonymous pending bob", "POST", _A, {}),
    post("ada", _A, _FORM, save={"app": "$.id"}),
    post("ada", _A, _FORM),
    post("ada", _A, {}),
    post("ada", _A, _make_form(slug="Clock", extra=1, granted_scopes=["all"])),
    post("ada", _A, _make_form(slug="b", granted_scopes=["channels:messages:write"])),
    post("ada", _A, _make_form(slug="b", url="http://clock.example.com")),
    post("ada", _A, _make_form(slug="b", manifest={**_MANIFEST, "public_key": _OTHER_KIND})),
    post("ada", _A, _make_form(slug="b", manifest={**_MANIFEST, "profile_image_url": "data:text/plain,x"})),
    post("ada", _A, _make_form(slug="b", manifest={**_MANIFEST, "name": "", "extra": 1})),
    get("ada", _A),
    get("bob", _A),
    get("ada", _ONE),
    get("ada", f"{_A}/none"),
    refused_steps("anonymous pending bob", "GET", _ONE),
    refused_steps("anonymous pending bob", "PATCH", _ONE, {}),
    refused_steps("anonymous pending bob", "DELETE", _ONE),
    patch("ada", _ONE, {}),
    patch("ada", _ONE, {"name": "Watch", "settings": {"a": 1}}),
    patch(
        "ada", _ONE, {"access_grants": [{"principal_type": "user", "principal_id": "${bob.id}", "permission": "read"}]}
    ),
    get("ada", _ONE),
    patch("ada", _ONE, {"is_active": True}),
    patch("ada", _ONE, {"is_active": False}),
    patch("ada", _ONE, {"granted_scopes": []}),
    patch("ada", _ONE, {"granted_scopes": ["channels:messages:write"]}),
    patch("ada", _ONE, {"manifest": _MANIFEST}),
    patch("ada", _ONE, {"manifest": {**_MANIFEST, "id": "x"}, "granted_scopes": []}),
    patch("ada", _ONE, {"manifest": {**_MANIFEST, "description": "Tells"}, "granted_scopes": ["channels:read"]}),
    patch("ada", _ONE, {"name": "", "slug": "x"}),
    patch("ada", f"{_A}/none", {}),
    post("ada", f"{_A}/manifest/preview", {"url": "http://clock.example.com", "api_key": "k"}),
    post("ada", f"{_A}/manifest/preview", {"url": "https://user:x@clock.example.com", "api_key": "k"}),
    post("ada", f"{_A}/manifest/preview", {"url": "https://127.0.0.1:9", "api_key": "k"}),
    post("ada", f"{_A}/manifest/preview", {"url": "https://clock.example.com"}),
    post("ada", f"{_A}/manifest/preview", {"url": "https://clock.example.com", "app_id": "${app}"}),
    post("ada", f"{_A}/manifest/preview", {"url": "https://clock.example.com", "app_id": "none"}),
    post("ada", f"{_A}/manifest/preview", {}),
    refused_steps("anonymous pending bob", "POST", f"{_A}/manifest/preview", {}),
    # Connections and buttons.
    post("ada", _A, _make_form(slug="local", url="https://127.0.0.1:9/app"), save={"local": "$.id"}),
    refused_steps("anonymous pending bob", "POST", f"{_A}/${{local}}/connect", {}),
    post("ada", f"{_A}/${{local}}/connect", {}),
    post("ada", f"{_A}/${{local}}/connect", {"api_key": "other"}),
    post(
        "ada", f"{_A}/${{local}}/connect", {"api_key": ""}, ignore=("$.detail[0]",), why="texts are not called values"
    ),
    post("ada", f"{_A}/${{local}}/connect", {"extra": 1}),
    post("ada", f"{_A}/none/connect", {}),
    get("ada", f"{_A}/${{local}}"),
    refused_steps("anonymous pending", "POST", f"{_A}/${{local}}/interactions", {"message_id": "m", "action_id": "a"}),
    post("bob", f"{_A}/${{local}}/interactions", {"message_id": "m", "action_id": "a"}),
    post("bob", f"{_A}/${{local}}/interactions", {"message_id": "m", "action_id": ""}),
    post("bob", f"{_A}/${{local}}/interactions", {"extra": 1}),
    post("bob", f"{_A}/none/interactions", {"message_id": "m", "action_id": "a"}),
    delete("ada", f"{_A}/${{local}}"),
    post("ada", f"{_A}/${{local}}/connect", {}),
    delete("ada", _ONE),
    delete("ada", f"{_A}/none"),
    get("ada", _ONE),
    get("ada", _A),
    post("ada", _CONFIG, Merged("${config}", {"ENABLE_APPS": False})),
    get("ada", _ONE),
    post("ada", f"{_ONE}/connect", {}),
    post("bob", f"{_ONE}/interactions", {"message_id": "m", "action_id": "a"}),
    delete("ada", _ONE),
)
