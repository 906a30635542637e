"""The storage of files: a directory, or a bucket of S3, Google Cloud Storage or Azure, behind one interface."""

from fastback.kit.storage.incoming_file import IncomingFile, receive_file
from fastback.kit.storage.protocol import NameRefused, Storage, StorageError, StoredFile

__all__ = ["IncomingFile", "NameRefused", "Storage", "StorageError", "StoredFile", "receive_file"]
