"""Public requests: settings of the page before and after sign-in, version, health, manifest."""

from parity.steps import flatten_steps, get, post, refused_steps

_IMPORT = "/api/v1/configs/import"

STEPS = flatten_steps(
    get("anonymous", "/api/config"),
    get("pending", "/api/config"),
    get("bob", "/api/config"),
    get("ada", "/api/config"),
    get("ada", "/api/config", cookie=True),
    get("anonymous", "/api/config", headers={"authorization": "Bearer nonsense"}),
    get("anonymous", "/api/version"),
    get("anonymous", "/api/changelog", ignore=("$",), why="its own prose, which comes with the frontend"),
    get("bob", "/api/version"),
    refused_steps("anonymous", "GET", "/api/version/updates"),
    get("bob", "/api/version/updates"),
    get("anonymous", "/health"),
    get("anonymous", "/health/db"),
    get("anonymous", "/ready"),
    get("anonymous", "/manifest.json"),
    get("anonymous", "/opensearch.xml"),
    get("anonymous", "/api/usage"),
    get("bob", "/api/usage"),
    get("ada", "/api/usage"),
    get("ada", "/api/events"),
    refused_steps("anonymous bob", "GET", "/api/events"),
    get("ada", "/api/events/webhooks"),
    refused_steps("anonymous bob", "GET", "/api/events/webhooks"),
    # Files of the cache.
    get("bob", "/cache/nothing.png"),
    get("bob", "/cache/"),
    get("bob", "/cache/..%2fwebui.db"),
    refused_steps("anonymous pending", "GET", "/cache/nothing.png"),
    # The effect of settings.
    post(
        "ada",
        _IMPORT,
        {
            "config": {
                "webui.url": "https://chat.example.com",
                "onedrive.enable": True,
                "ui.watermark": "Draft",
                "ui.pending_user_overlay_title": "Wait",
                "ui.pending_user_overlay_content": "a day",
                "ui.default_models": "demo-small",
                "ui.default_pinned_models": "demo-small,demo-large",
                "ui.i18n": {"de": {"Hello": "Hallo"}},
                "folders.max_file_count": 3,
                "terminal_server.connections": [{"id": "t", "url": "http://x", "enabled": False}],
            }
        },
        ignore=("$",),
        why="the whole configuration, compared elsewhere",
    ),
    get("anonymous", "/opensearch.xml"),
    get("anonymous", "/api/config"),
    get("pending", "/api/config"),
    get("bob", "/api/config"),
)
