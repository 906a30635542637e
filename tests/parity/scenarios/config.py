"""What anybody may ask: settings of the page before and after signing in, version, health, manifest."""

from parity.steps import flat, get, refused

STEPS = flat(
    get("anonymous", "/api/config"),
    get("pending", "/api/config"),
    get("bob", "/api/config"),
    get("ada", "/api/config"),
    get("ada", "/api/config", cookie=True),
    get("anonymous", "/api/config", headers={"authorization": "Bearer nonsense"}),
    get("anonymous", "/api/version"),
    get("bob", "/api/version"),
    refused("anonymous", "GET", "/api/version/updates"),
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
    refused("anonymous bob", "GET", "/api/events"),
    get("ada", "/api/events/webhooks"),
    refused("anonymous bob", "GET", "/api/events/webhooks"),
)
