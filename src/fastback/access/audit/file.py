"""The file of the audit log: a JSON object a line, begun anew and packed when it has grown large.

A thread writes, so that neither the disk nor the packing holds up a request.
"""

from __future__ import annotations

import contextlib
import datetime
import logging
import os
import re
import sys
from concurrent.futures import ThreadPoolExecutor
from io import BufferedWriter
from pathlib import Path
from typing import Any

import msgspec

from fastback.access.audit.redaction import redact_secrets
from fastback.settings import Settings

log = logging.getLogger("fastback.audit")

_SIZE = re.compile(r"([\d.]+)\s*([kmgt]?)(i?)(b)", re.IGNORECASE)


def parse_size(text: str) -> int:
    """Bytes out of `10MB`, `1.5 GiB`, `800 Kb` (a small b stands for bits)."""
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise ValueError(text)
    number, unit, binary, bits = match.groups()
    base = 1024 if binary else 1000
    found = float(number) * base ** ("kmgt".index(unit.lower()) + 1 if unit else 0)
    return max(1, int(found / 8 if bits == "b" else found))


class AuditLog:
    """Takes entries. What cannot be written is complained of, and keeps no request from its answer."""

    def __init__(self, path: Path | None, *, rotate_at: int, stdout: bool) -> None:
        """`path` None: no file."""
        self._path = path
        self._rotate_at = rotate_at
        self._stdout = stdout
        self._file: BufferedWriter | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="audit")

    @classmethod
    def from_settings(cls, settings: Settings) -> AuditLog | None:
        """As the settings want it, None where they want none."""
        if settings.audit_log_level == "NONE":
            return None
        path = settings.audit_path if settings.enable_audit_logs_file else None
        return cls(
            path, rotate_at=parse_size(settings.audit_log_file_rotation_size), stdout=settings.enable_audit_stdout
        )

    def write(self, entry: dict[str, Any]) -> None:
        """Write an entry after those before it, its bodies without their secrets."""
        self._thread.submit(self._write, entry)

    def close(self) -> None:
        """Write what is still to be written."""
        self._thread.shutdown(wait=True)
        if self._file is not None:
            self._file.close()

    def _write(self, entry: dict[str, Any]) -> None:
        for name in ("request_object", "response_object"):
            entry[name] = redact_secrets(entry[name])
        line = msgspec.json.encode(entry) + b"\n"
        if self._stdout:
            with contextlib.suppress(OSError, ValueError):
                print(line.decode().rstrip(), file=sys.stdout, flush=True)
        if self._path is None:
            return
        try:
            file = self._open_file(self._path, len(line))
            file.write(line)
            file.flush()
        except OSError as error:
            log.error("cannot write the audit log %s: %s", self._path, error.strerror or error)

    def _open_file(self, path: Path, more: int) -> BufferedWriter:
        """The file, with room for `more` bytes."""
        if self._file is None:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = open(  # noqa: SIM115 (kept open)
                path, "ab", opener=lambda name, flags: os.open(name, flags, 0o600)
            )
        size = self._file.tell()
        if size and size + more > self._rotate_at:
            self._file.close()
            self._file = None
            self._pack(path)
            return self._open_file(path, more)
        return self._file

    @staticmethod
    def _pack(path: Path) -> None:
        """Move the file away into a zip beside it, named after the time."""
        import zipfile  # seldom needed, and large

        moment = datetime.datetime.now().strftime("%Y-%m-%d_%H-%M-%S_%f")
        kept = path.with_name(f"{path.stem}.{moment}{path.suffix}")
        path.rename(kept)
        packed = kept.with_name(kept.name + ".zip")
        with (
            open(packed, "xb", opener=lambda name, flags: os.open(name, flags, 0o600)) as file,
            zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive,
        ):
            archive.write(kept, kept.name)
        kept.unlink()
