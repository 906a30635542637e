"""Event webhooks: the list of events, and the addresses that administrators register."""

from parity.steps import delete, flatten_steps, get, post, put, refused_steps

_EVENTS = "/api/events"
_WEBHOOKS = "/api/events/webhooks"
#: A public address that receives no requests in this scenario.
_URL = "https://93.184.216.34/hook"
_QUIET = ["chat.deleted_all"]

STEPS = flatten_steps(
    get("ada", _EVENTS),
    refused_steps("anonymous pending bob", "GET", _EVENTS),
    get("ada", _WEBHOOKS),
    refused_steps("anonymous pending bob", "GET", _WEBHOOKS),
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
    # Refusals.
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
    refused_steps("anonymous pending bob", "POST", _WEBHOOKS, {"url": _URL}),
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
    refused_steps("anonymous pending bob", "PUT", f"{_WEBHOOKS}/${{first}}", {"name": "x"}),
    refused_steps("anonymous pending bob", "DELETE", f"{_WEBHOOKS}/${{first}}"),
    delete("ada", f"{_WEBHOOKS}/${{first}}"),
    delete("ada", f"{_WEBHOOKS}/${{first}}"),
    get("ada", _WEBHOOKS),
)
