"""Authentication and authorisation: tokens, identities, password hashes, permissions, access grants."""
