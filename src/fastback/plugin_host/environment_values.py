"""Values of environment variables by their names, for the modules `env` and `config`."""

from __future__ import annotations

import os
from typing import Any

from fastback.plugin_host.server_link import SERVER


def parse_variable(name: str) -> Any:
    """Return the value of a variable: true and false, or its text; the server is asked for its own default.

    Raises:
        AttributeError: there is no such variable.
    """
    if not name.isupper():
        raise AttributeError(name)
    if name in os.environ:
        return parse_text(os.environ[name])
    if not SERVER.is_connected:
        return None  # code that is only inspected
    setting = SERVER.call_blocking("settings.find", name=name)
    if setting is None:
        raise AttributeError(name)
    return setting["value"]


def parse_text(text: str) -> Any:
    """Return True or False for their names, a number for digits, otherwise the text."""
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    return int(text) if text.isdecimal() else text
