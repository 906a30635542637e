"""What anybody may ask of a server that has no accounts yet, and what changes when the first one is there."""

from parity.steps import PASSWORD, flat, get, post, refused

CAST = False

STEPS = flat(
    get("anonymous", "/api/config"),
    get("anonymous", "/api/version"),
    get("anonymous", "/health"),
    get("anonymous", "/health/db"),
    get("anonymous", "/ready"),
    get("anonymous", "/manifest.json"),
    get("anonymous", "/opensearch.xml"),
    refused("anonymous", "GET", "/api/models"),
    refused("anonymous", "GET", "/api/v1/models/list"),
    refused("anonymous", "GET", "/api/v1/configs/banners"),
    post(
        "anonymous",
        "/api/v1/auths/signup",
        {"name": "Ada", "email": "ada@example.com", "password": PASSWORD},
        save={"ada.token": "$.token"},
    ),
    get("anonymous", "/api/config"),
    get("ada", "/api/config"),
    get("ada", "/api/models"),
)
