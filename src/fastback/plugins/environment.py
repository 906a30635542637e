"""The environment of the plugin process: the server's, without its secrets.

Many plugins read API keys from the environment, so it passes on what it does not know to be secret. This is no cage:
plugins run as the server's user.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import fastback

#: Variables whose values open the server's own doors.
SECRETS = frozenset(
    {
        "WEBUI_SECRET_KEY",
        "WEBUI_JWT_SECRET_KEY",
        "WEBUI_ADMIN_PASSWORD",
        "DATABASE_URL",
        "DATABASE_PASSWORD",
        "REDIS_URL",
        "WEBSOCKET_REDIS_URL",
        "OAUTH_CLIENT_SECRET",
        "OAUTH_CLIENT_INFO_ENCRYPTION_KEY",
        "OAUTH_SESSION_TOKEN_ENCRYPTION_KEY",
        "LDAP_APP_PASSWORD",
        "SCIM_TOKEN",
        "S3_SECRET_ACCESS_KEY",
        "AZURE_STORAGE_KEY",
        "GOOGLE_APPLICATION_CREDENTIALS_JSON",
        "PGVECTOR_DB_URL",
    }
)


def build_environment(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the variables of the plugin process; it finds the server's packages from any directory."""
    passed = {
        name: value
        for name, value in environment.items()
        if name not in SECRETS and name.removesuffix("_FILE") not in SECRETS
    }
    entries = [entry for entry in environment.get("PYTHONPATH", "").split(os.pathsep) if entry]
    own_path = str(Path(fastback.__file__).parents[1])
    passed["PYTHONPATH"] = os.pathsep.join([own_path, *map(os.path.abspath, entries)])
    passed["PYTHONDONTWRITEBYTECODE"] = "1"
    return passed
