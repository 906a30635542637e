"""Where the bytes of files lie: a directory, or a bucket of S3, Google Cloud Storage or Azure; one interface."""

from fastback.kit.storage.contract import NameRefused, Opened, Storage, StorageError
from fastback.kit.storage.spool import Spool, spooled

__all__ = ["NameRefused", "Opened", "Spool", "Storage", "StorageError", "spooled"]
