"""Fastback: a drop-in backend for the Open WebUI frontend."""

__version__ = "0.1.0"

#: The release of Open WebUI whose frontend, API and database this package speaks.
REFERENCE_VERSION = "0.12.4"
