"""Process settings: typed values of environment variables, read once at start.

The name of a variable is the name of its field in capitals. Command-line options take precedence over the environment,
and the environment over `.env` in the working directory. `NAME_FILE` names a file that contains the value of `NAME`,
for secrets.
"""

from fastback.settings.environment import Environment, SettingsError, read_environment
from fastback.settings.loader import ensure_secret_key, load_settings
from fastback.settings.process_settings import Settings

__all__ = ["Environment", "Settings", "SettingsError", "ensure_secret_key", "load_settings", "read_environment"]
