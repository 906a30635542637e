"""The file of the audit log: one JSON object per line; a full file is compressed and a new one started.

A thread writes, so that neither the disk nor the compression delays a request.
"""

from __future__ import annotations

import contextlib
import datetime
import logging
import os
import re
import sys
from concurrent.futures import ThreadPoolExecutor
from io import FileIO
from pathlib import Path

import msgspec

from fastback.access.audit.entry import AuditEntry
from fastback.access.audit.redaction import redact_secrets
from fastback.settings import Settings

log = logging.getLogger("fastback.audit")

_SIZE = re.compile(r"([\d.]+)\s*([kmgt]?)(i?)(b)", re.IGNORECASE)


def parse_size(text: str) -> int:
    """Return the bytes of a size such as `10MB`, `1.5 GiB` or `800 Kb` (a small b means bits).

    Raises:
        ValueError: the text is not a size.
    """
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise ValueError(text)
    number, unit, binary, bits = match.groups()
    base = 1024 if binary else 1000
    size = float(number) * base ** ("kmgt".index(unit.lower()) + 1 if unit else 0)
    return max(1, int(size / 8 if bits == "b" else size))


class AuditLog:
    """Writes entries in the background. An entry that cannot be written is skipped, which the log says once for all
    until entries can be written again; the requests succeed.

    `path` is the file (None: no file), `rotate_at` its largest size in bytes.
    """

    def __init__(self, path: Path | None, *, rotate_at: int, stdout: bool) -> None:
        self._path = path
        self._rotate_at = rotate_at
        self._stdout = stdout
        self._file: FileIO | None = None
        self._skipped_count = 0
        #: Whether the file ends in the middle of a line, as its disk was full.
        self._ends_amid_line = False
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="audit")

    @classmethod
    def from_settings(cls, settings: Settings) -> AuditLog | None:
        """Return the audit log that the settings describe; None where they disable it."""
        if settings.audit_log_level == "NONE":
            return None
        path = settings.audit_path if settings.enable_audit_logs_file else None
        return cls(
            path, rotate_at=parse_size(settings.audit_log_file_rotation_size), stdout=settings.enable_audit_stdout
        )

    def write(self, entry: AuditEntry) -> None:
        """Queue an entry; secrets are removed from its bodies."""
        self._thread.submit(self._write, entry)

    def close(self) -> None:
        """Write the queued entries, and close the file."""
        self._thread.shutdown(wait=True)
        if self._file is not None:
            self._file.close()

    def _write(self, entry: AuditEntry) -> None:
        entry.request_object = redact_secrets(entry.request_object)
        entry.response_object = redact_secrets(entry.response_object)
        line = msgspec.json.encode(entry) + b"\n"
        if self._stdout:
            with contextlib.suppress(OSError, ValueError):
                print(line.decode().rstrip(), file=sys.stdout, flush=True)
        if self._path is None:
            return
        try:
            self._append_line(self._path, line)
        except OSError as error:
            if not self._skipped_count:
                reason = error.strerror or error
                log.error("writing the audit log %s failed, entries are skipped: %s", self._path, reason)
            self._skipped_count += 1
            return
        if self._skipped_count:
            log.warning("the audit log %s is written again, %d entries were skipped", self._path, self._skipped_count)
            self._skipped_count = 0

    def _append_line(self, path: Path, line: bytes) -> None:
        """Write a line, in one piece where there is space: other processes may write to the same file."""
        file = self._open_file(path, len(line))
        rest = memoryview(b"\n" + line if self._ends_amid_line else line)
        while rest:
            rest = rest[file.write(rest) :]
            self._ends_amid_line = bool(rest)

    def _open_file(self, path: Path, length: int) -> FileIO:
        """Return the open file, with room for `length` more bytes."""
        if self._file is None:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = open(  # noqa: SIM115 (kept open)
                path, "ab", buffering=0, opener=lambda name, flags: os.open(name, flags, 0o600)
            )
        size = self._file.tell()
        if size and size + length > self._rotate_at:
            self._file.close()
            self._file, self._ends_amid_line = None, False
            self._compress(path)
            return self._open_file(path, length)
        return self._file

    @staticmethod
    def _compress(path: Path) -> None:
        """Move the file into a zip archive beside it, named after the current time."""
        import zipfile  # rarely needed, and slow to import

        moment = datetime.datetime.now().strftime("%Y-%m-%d_%H-%M-%S_%f")
        renamed = path.with_name(f"{path.stem}.{moment}{path.suffix}")
        path.rename(renamed)
        archive_path = renamed.with_name(renamed.name + ".zip")
        with (
            open(archive_path, "xb", opener=lambda name, flags: os.open(name, flags, 0o600)) as file,
            zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive,
        ):
            archive.write(renamed, renamed.name)
        renamed.unlink()
