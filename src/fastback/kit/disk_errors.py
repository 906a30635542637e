"""Which errors of files say that a disk is full. Worker processes import it, too: it imports nothing of the server."""

from __future__ import annotations

import errno

#: No space left, a quota, or a limit of the process on the size of files.
_DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def is_file_disk_full(error: BaseException) -> bool:
    """Return whether a file could not be written because its disk is full."""
    return isinstance(error, OSError) and error.errno in _DISK_FULL
