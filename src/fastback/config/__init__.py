"""The stored configuration: 431 keys with defaults from the environment and values in the database."""

from fastback.config.store import Config, ConfigChanged

__all__ = ["Config", "ConfigChanged"]
