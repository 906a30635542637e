"""What commands that work on a data directory share: their options, and the permissions of files that they make."""

from __future__ import annotations

import argparse
import os

from fastback.settings import SettingsError


def collect_options(arguments: argparse.Namespace) -> dict[str, str]:
    """Return the command-line options that are set, under the names of their variables."""
    values = {
        "HOST": getattr(arguments, "host", None),
        "PORT": getattr(arguments, "port", None),
        "DATA_DIR": getattr(arguments, "data_dir", None),
        "UVICORN_WORKERS": getattr(arguments, "workers", None),
    }
    return {name: value for name, value in values.items() if value is not None}


def set_umask(text: str) -> None:
    """Set the permissions that new files do not get.

    Raises:
        SettingsError: the text is no octal mask.
    """
    try:
        mask = int(text, 8)
    except ValueError:
        mask = -1
    if not 0 <= mask <= 0o777:
        raise SettingsError(f"FASTBACK_UMASK: {text!r} is no octal mask, for example 077")
    os.umask(mask)
