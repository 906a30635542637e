"""External apps as records: their manifest, scopes and access grants. Connecting to apps is not implemented."""
