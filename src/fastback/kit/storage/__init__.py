"""Where the bytes of files lie: a directory, or a bucket of S3, Google Cloud Storage or Azure; one interface."""

from fastback.kit.storage.incoming_file import Spool, spooled
from fastback.kit.storage.protocol import NameRefused, Opened, Storage, StorageError

__all__ = ["NameRefused", "Opened", "Spool", "Storage", "StorageError", "spooled"]
