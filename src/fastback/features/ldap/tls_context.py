"""How certificates of the directory are validated."""

from __future__ import annotations

import logging
import os
import ssl
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from fastback.features.ldap.directory_settings import DirectorySettings

log = logging.getLogger("fastback.ldap")

#: Suites without certificates or encryption, which `ALL` contains; a certificate could not be validated with them.
_EXCLUDED_CIPHERS = ":!aNULL:!eNULL"
_CERTIFICATE_END = "-----END CERTIFICATE-----\n"
#: Certificates of the system's authorities that are read in one call, during which no other thread runs.
_BATCH = 4


def build_tls_context(settings: DirectorySettings) -> ssl.SSLContext:
    """Return a context that validates certificates as the settings say.

    Raises:
        OSError: the file with certificates of authorities cannot be read, or contains none.
    """
    path = settings.ca_file
    stamp = os.stat(path).st_mtime_ns if path else 0
    return _load_context(settings.validate_certificate, path, stamp, settings.ciphers)


@lru_cache(2)
def _load_context(is_validating: bool, path: str, stamp: int, ciphers: str) -> ssl.SSLContext:
    """Return a context; `stamp` changes with the content of the file at `path`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if not is_validating:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if path:
        context.load_verify_locations(cafile=path)
    elif is_validating:
        _load_system_authorities(context)
    if ciphers:
        try:
            context.set_ciphers(ciphers + (_EXCLUDED_CIPHERS if is_validating else ""))
        except ssl.SSLError:
            log.warning("LDAP ciphers are invalid, skipped: %r", ciphers)
    return context


def _load_system_authorities(context: ssl.SSLContext) -> None:
    """Load the certificates that `SSLContext.load_default_certs` loads, which keeps other threads from running."""
    paths = ssl.get_default_verify_paths()
    if paths.capath:
        context.load_verify_locations(capath=paths.capath)
    for batch in _iterate_batches(paths.cafile):
        context.load_verify_locations(cadata=batch)


def _iterate_batches(path: str | None) -> Iterator[str]:
    if path is None:
        return
    text = Path(path).read_text(encoding="ascii", errors="ignore")
    certificates = text.split(_CERTIFICATE_END)[:-1]
    for start in range(0, len(certificates), _BATCH):
        yield "".join(certificate + _CERTIFICATE_END for certificate in certificates[start : start + _BATCH])
