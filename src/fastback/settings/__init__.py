"""Process settings: what the environment says, read once, typed.

A field's name in capitals is the variable's name. Options of the command line win over the environment, the environment
over `.env` in the working directory; `NAME_FILE` names a file that holds the value of `NAME`, for secrets.
"""

from fastback.settings.environment import Environment, SettingsError, read_environment
from fastback.settings.loader import load_settings, with_secret_key
from fastback.settings.process_settings import Settings

__all__ = ["Environment", "Settings", "SettingsError", "load_settings", "read_environment", "with_secret_key"]
