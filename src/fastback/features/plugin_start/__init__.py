"""What the server does for plugins when it starts and after changes: it installs packages and loads functions."""
