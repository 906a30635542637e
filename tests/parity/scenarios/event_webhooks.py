"""Event webhooks: what there is to be told of, and where administrators have it told."""

from parity.steps import delete, flat, get, post, put, refused

_EVENTS = "/api/events"
_WEBHOOKS = "/api/events/webhooks"
#: A public address that nothing here sends anything to.
_URL = "https://93.184.216.34/hook"
_QUIET = ["chat.deleted_all"]

STEPS = flat(
    get("ada", _EVENTS),
    refused("anonymous pending bob", "GET", _EVENTS),
    get("ada", _WEBHOOKS),
    refused("anonymous pending bob", "GET", _WEBHOOKS),
    post("ada", _WEBHOOKS, {"url": _URL, "events": _QUIET}, save={"first": "$.id"}),
    post("ada", _WEBHOOKS, {"url": f" {_URL} ", "name": "Second", "enabled": False}, save={"second": "$.id"}),
    post(
        "ada",
        _WEBHOOKS,
        {
            "url": _URL,
            "events": ["calendar.*", " channel.created ", ""],
            "targets": [
                {"type": "user", "id": "u"},
                {"type": "group", "id": "g", "more": "x"},
                {"type": "user", "id": "u"},
            ],
        },
    ),
    post("ada", _WEBHOOKS, {"url": "", "events": []}),
    # What is refused.
    *[
        post("ada", _WEBHOOKS, {"url": url, "events": _QUIET})
        for url in (
            "nonsense",
            "http://localhost/x",
            "http://127.0.0.1/x",
            "http://10.0.0.1",
            "ftp://93.184.216.34/x",
            "http://[::1]/x",
            "http://169.254.169.254/latest",
            "http://192.0.2.1/x",
            "http://93.184.216.34\\@127.0.0.1/",
            "http://0x7f000001/",
            "https://[::ffff:127.0.0.1]/",
        )
    ],
    post("ada", _WEBHOOKS, {"url": _URL, "events": ["nothing.*"]}),
    post("ada", _WEBHOOKS, {"url": _URL, "events": ["chat.exploded"]}),
    post("ada", _WEBHOOKS, {"url": _URL, "targets": [{"type": "planet", "id": "x"}]}),
    post("ada", _WEBHOOKS, {"url": _URL, "targets": [{"type": "user"}]}),
    post("ada", _WEBHOOKS, {"url": _URL, "targets": ["x"]}),
    post("ada", _WEBHOOKS, {"events": 1, "enabled": "perhaps"}),
    refused("anonymous pending bob", "POST", _WEBHOOKS, {"url": _URL}),
    get("ada", _WEBHOOKS),
    # Changes.
    put("ada", f"{_WEBHOOKS}/${{first}}", {"name": "Renamed"}),
    put("ada", f"{_WEBHOOKS}/${{first}}", {"enabled": None, "name": None}),
    put("ada", f"{_WEBHOOKS}/${{first}}", {"url": "http://127.0.0.1/"}),
    put("ada", f"{_WEBHOOKS}/${{first}}", {"events": ["nothing"]}),
    put("ada", f"{_WEBHOOKS}/${{first}}", {"events": _QUIET, "targets": []}),
    put("ada", f"{_WEBHOOKS}/${{first}}", {"targets": None, "enabled": True, "url": f"{_URL}/2"}),
    put("ada", f"{_WEBHOOKS}/${{first}}", {}),
    put("ada", f"{_WEBHOOKS}/nothing", {"name": "x"}),
    put("ada", f"{_WEBHOOKS}/${{first}}", {"name": 1}),
    refused("anonymous pending bob", "PUT", f"{_WEBHOOKS}/${{first}}", {"name": "x"}),
    refused("anonymous pending bob", "DELETE", f"{_WEBHOOKS}/${{first}}"),
    delete("ada", f"{_WEBHOOKS}/${{first}}"),
    delete("ada", f"{_WEBHOOKS}/${{first}}"),
    get("ada", _WEBHOOKS),
)
