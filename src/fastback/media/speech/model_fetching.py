"""What worker processes need of the server's environment to fetch models from Hugging Face."""

from __future__ import annotations

import os

_VARIABLES = (
    *("HF_HOME", "HF_ENDPOINT", "HF_HUB_OFFLINE"),
    *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"),
)


def build_fetch_environment(*, offline: bool) -> dict[str, str]:
    """Return the variables for a worker process; with `offline` it fetches nothing."""
    environment = {name: os.environ[name] for name in _VARIABLES if name in os.environ}
    return environment | ({"HF_HUB_OFFLINE": "1"} if offline else {})
