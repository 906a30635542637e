"""Public requests to a server without accounts, and the changes after the first sign-up."""

from parity.steps import PASSWORD, flatten_steps, get, post, refused_steps

CAST = False

STEPS = flatten_steps(
    get("anonymous", "/api/config"),
    get("anonymous", "/api/version"),
    get("anonymous", "/health"),
    get("anonymous", "/health/db"),
    get("anonymous", "/ready"),
    get("anonymous", "/manifest.json"),
    get("anonymous", "/opensearch.xml"),
    refused_steps("anonymous", "GET", "/api/models"),
    refused_steps("anonymous", "GET", "/api/v1/models/list"),
    refused_steps("anonymous", "GET", "/api/v1/configs/banners"),
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
