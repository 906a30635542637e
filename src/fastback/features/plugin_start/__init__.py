"""What the server does for plugins when it starts: it installs their packages and starts their process."""
