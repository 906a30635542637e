"""Routes about the server itself: the frontend's configuration, version, health, manifest and cached files."""
