"""Groups of users: their members, nesting, permissions and default models."""
