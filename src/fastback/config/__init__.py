"""The stored configuration: 431 keys by area, their defaults from the environment, their values in the database."""

from fastback.config.store import Config, ConfigChanged

__all__ = ["Config", "ConfigChanged"]
