"""Who may what: tokens, identities, password hashes, permissions, access grants."""
