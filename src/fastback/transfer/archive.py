"""An archive of an installation: a tar of its parts, compressed by gzip, and encrypted if there is a passphrase.

The first member, `backup.json`, says what the archive contains. The last one, `manifest.json`, has the size and the
SHA-256 of every other member in their order, and the digests of the tables. Rows are in `database/TABLE/NUMBER.jsonl`,
one JSON array a line, in the order of the columns that the first member names.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import tarfile
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from types import TracebackType
from typing import IO, Any, BinaryIO, cast

import msgspec

from fastback.transfer.archive_encryption import MAGIC, DecryptingReader, EncryptingWriter
from fastback.transfer.errors import TransferError

FORMAT = 1
HEADER_NAME, MANIFEST_NAME = "backup.json", "manifest.json"
_LEVEL = 3
_READ_SIZE = 256 * 1024
_DAMAGES = (EOFError, zlib.error, gzip.BadGzipFile, tarfile.TarError, msgspec.DecodeError, UnicodeDecodeError)


class Header(msgspec.Struct, kw_only=True):
    """What an archive contains.

    Attributes:
        tables: the names of the columns of each table.
        parts: `database`, `uploads`, `vectors`, `key`, `settings`.
        notes: what the archive does not contain, as lines for the operator.
    """

    format: int
    program: str
    revision: str
    dialect: str
    created_at: int
    tables: dict[str, list[str]]
    parts: list[str]
    notes: list[str]


class TableEntry(msgspec.Struct):
    """The rows and the digest of a table."""

    rows: int
    digest: str


class Manifest(msgspec.Struct):
    """The members in order (name, size, SHA-256), and the tables."""

    members: list[tuple[str, int, str]]
    tables: dict[str, TableEntry]


class _HashingReader:
    """A stream that hashes what is read from another one."""

    def __init__(self, source: IO[bytes]) -> None:
        self._source = source
        self._hash = hashlib.sha256()
        self.size = 0

    def read(self, size: int = -1) -> bytes:
        data = self._source.read(size)
        self._hash.update(data)
        self.size += len(data)
        return data

    @property
    def digest(self) -> str:
        return self._hash.hexdigest()


class _MemberReader(_HashingReader):
    """The content of a member; damage is a `TransferError`."""

    def __init__(self, source: IO[bytes], describe_damage: Callable[[str], TransferError]) -> None:
        super().__init__(source)
        self._describe_damage = describe_damage

    def read(self, size: int = -1) -> bytes:
        try:
            return super().read(size)
        except _DAMAGES as error:
            raise self._describe_damage(str(error)) from error


def _escape_name(name: str) -> str:
    """Return a name without the bytes that are no UTF-8."""
    return name.encode("utf-8", "backslashreplace").decode()


def _forget_members(tar: tarfile.TarFile) -> None:
    """Make the library forget the members of a stream; each takes a kilobyte."""
    cast(Any, tar).members = []


class _AbandonableFile:
    """A file that ignores writes once it is closed: streams above it write their ends whatever has happened."""

    def __init__(self, descriptor: int) -> None:
        self._file: BinaryIO | None = os.fdopen(descriptor, "wb", buffering=0)

    def write(self, data: bytes) -> int:
        view = memoryview(data)
        while self._file is not None and view:
            view = view[self._file.write(view) :]
        return len(data)

    def flush(self) -> None:
        pass

    def close(self) -> None:
        """Wait until the disk has the file, and close it."""
        if self._file is not None:
            os.fsync(self._file.fileno())
        self.abandon()

    def abandon(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
        self._file = None


class ArchiveWriter:
    """Writes an archive, as a context manager; its file has another name until `finish`.

    Raises (every method):
        OSError: the disk is full, or a file cannot be read.
    """

    def __init__(self, path: Path, passphrase: str | None) -> None:
        self.path = path
        self._partial = path.with_name(path.name + ".partial")
        descriptor = os.open(self._partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        self._file = _AbandonableFile(descriptor)
        self._encryption = EncryptingWriter(self._file, passphrase) if passphrase else None
        self._gzip = gzip.GzipFile(
            filename="", fileobj=cast(Any, self._encryption or self._file), mode="wb", compresslevel=_LEVEL
        )
        self._tar = tarfile.open(fileobj=self._gzip, mode="w|", format=tarfile.PAX_FORMAT)  # noqa: SIM115 (see `finish`)
        self.members: list[tuple[str, int, str]] = []

    @property
    def partial_path(self) -> Path:
        """Return the path of the file that is being written."""
        return self._partial

    def add_bytes(self, name: str, data: bytes) -> None:
        """Add a member with this content."""
        self._add(name, BytesIO(data), len(data), int(time.time()))

    def add_file(self, name: str, source: Path) -> None:
        """Add the content of a file."""
        with source.open("rb") as file:
            status = os.fstat(file.fileno())
            self._add(name, file, status.st_size, int(status.st_mtime))

    def _add(self, name: str, source: IO[bytes], size: int, modified_at: int) -> None:
        member = tarfile.TarInfo(name)
        member.size, member.mtime, member.mode = size, modified_at, 0o600
        reader = _HashingReader(source)
        self._tar.addfile(member, cast(IO[bytes], reader))
        _forget_members(self._tar)
        self.members.append((_escape_name(name), size, reader.digest))

    def finish(self, tables: dict[str, TableEntry]) -> None:
        """Add the manifest and complete the file, without giving it its name yet."""
        self.add_bytes(MANIFEST_NAME, msgspec.json.encode(Manifest(self.members[:], tables)))
        self._tar.close()
        self._gzip.close()
        if self._encryption is not None:
            self._encryption.finish()
        self._file.close()

    def publish(self) -> None:
        """Give the file its name."""
        self._partial.replace(self.path)

    def __enter__(self) -> ArchiveWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.abandon()
        with suppress(OSError, ValueError):
            self._tar.close()
            self._gzip.close()
        self._partial.unlink(missing_ok=True)


class ArchiveReader:
    """Reads the members of an archive in their order.

    Attributes:
        header: complete once `iterate_members` has yielded the first member.
        manifest: complete at the end of `iterate_members`.
    """

    def __init__(self, path: Path, get_passphrase: Callable[[], str]) -> None:
        self.path = path
        self._get_passphrase = get_passphrase
        self.header: Header | None = None
        self.manifest: Manifest | None = None

    def get_header(self) -> Header:
        """Return what the archive contains."""
        if self.header is None:
            raise self._describe_damage("its beginning is missing")
        return self.header

    def get_manifest(self) -> Manifest:
        """Return the manifest."""
        if self.manifest is None:
            raise self._describe_damage("its end is missing")
        return self.manifest

    def iterate_members(self) -> Iterator[tuple[str, IO[bytes]]]:
        """Yield the name and the content of each member except for the manifest; at the end compare all with it.

        Raises:
            TransferError: the archive is damaged, incomplete or of another format, or the passphrase is wrong.
        """
        try:
            with self.path.open("rb") as file:
                yield from self._read_members(self._open_stream(file))
        except _DAMAGES as error:
            raise self._describe_damage(str(error)) from error
        except OSError as error:
            raise TransferError(f"{self.path}: {error.strerror or error}") from error

    def _open_stream(self, file: BinaryIO) -> gzip.GzipFile:
        magic = file.read(len(MAGIC))
        file.seek(0)
        if magic == MAGIC:
            return gzip.GzipFile(fileobj=cast(Any, DecryptingReader(file, self._get_passphrase())))
        if not magic.startswith(b"\x1f\x8b"):
            raise TransferError(f"{self.path}: this is no archive of fastback backup")
        return gzip.GzipFile(fileobj=file)

    def _read_members(self, stream: gzip.GzipFile) -> Iterator[tuple[str, IO[bytes]]]:
        members: list[tuple[str, int, str]] = []
        with tarfile.open(fileobj=stream, mode="r|") as tar:
            for member in tar:
                _forget_members(tar)
                content = tar.extractfile(member)
                if content is None:
                    raise EOFError(f"{member.name} is no file")
                reader = _MemberReader(content, self._describe_damage)
                if self.manifest is not None:
                    raise EOFError("there are members after the manifest")
                if member.name == MANIFEST_NAME:
                    self.manifest = msgspec.json.decode(read_member(reader), type=Manifest)
                    continue
                if not members:
                    self.header = self._read_header(member.name, reader)
                else:
                    yield member.name, cast(IO[bytes], reader)
                while reader.read(_READ_SIZE):
                    pass
                members.append((_escape_name(member.name), reader.size, reader.digest))
        while stream.read(_READ_SIZE):  # to the checksum at the end
            pass
        if self.get_manifest().members != members:
            raise EOFError("a member differs from the manifest")

    def _read_header(self, name: str, reader: _HashingReader) -> Header:
        if name != HEADER_NAME:
            raise TransferError(f"{self.path}: this is no archive of fastback backup")
        header = msgspec.json.decode(read_member(reader), type=Header)
        if header.format != FORMAT:
            raise TransferError(f"{self.path}: format {header.format} needs another version of Fastback")
        return header

    def _describe_damage(self, reason: str) -> TransferError:
        return TransferError(f"{self.path}: the archive is damaged or incomplete: {reason}")


def read_member(content: _HashingReader | IO[bytes]) -> bytes:
    """Return the content of a small member."""
    chunks = []
    while chunk := content.read(_READ_SIZE):
        chunks.append(chunk)
    return b"".join(chunks)
