"""External apps: their manifest, keys, scopes and access grants, and the connections to them."""
