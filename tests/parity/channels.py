"""What the scenarios of channels share: switching them on, and the grants and lists that have no order."""

from __future__ import annotations

from parity.steps import Merged, Step, flatten_steps, get, post

CHANNELS = "/api/v1/channels"
READ = {"principal_type": "user", "principal_id": "*", "permission": "read"}
WRITE = {**READ, "permission": "write"}
#: Lists without an order in responses about one channel, and in lists of channels.
LISTS = ("$.access_grants", "$.users")
LISTS_OF_EACH = ("$[*].access_grants", "$[*].users")
#: Their ids cannot be put into an order; the users beside them are compared.
IDS, IDS_OF_EACH, WHY = ("$.user_ids",), ("$[*].user_ids",), "members have no order"
_CONFIG = "/api/v1/auths/admin/config"


def enable_channels(**more: object) -> list[Step]:
    """Return the steps that switch channels on, with other fields of the administrator's configuration."""
    return flatten_steps(
        get("ada", _CONFIG, save={"config": "$"}),
        post("ada", _CONFIG, Merged("${config}", {"ENABLE_CHANNELS": True, **more})),
    )
