"""The log where standard error cannot be written: no tracebacks, and a line that says so once it can be again."""

from __future__ import annotations

import errno
import io
import logging
import os

import pytest

from fastback.kit.log import StandardErrorHandler


class FullDisk(io.StringIO):
    """A stream that fails while its disk is full."""

    is_full = False

    def flush(self) -> None:
        if self.is_full:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def make_log() -> tuple[logging.Logger, FullDisk]:
    log, handler, stream = logging.Logger("test"), StandardErrorHandler(), FullDisk()
    handler.setStream(stream)
    log.addHandler(handler)
    return log, stream


def test_a_full_disk_of_the_log_is_said_once_there_is_space() -> None:
    log, stream = make_log()
    stream.is_full = True
    for number in range(3):
        log.error("lost %d", number)
    stream.is_full = False
    log.error("shown")
    log.error("shown, too")
    assert "Traceback" not in stream.getvalue()
    assert stream.getvalue().splitlines()[3:] == [
        "shown",
        "writing the log failed 3 times, lines may be missing: No space left on device",
        "shown, too",
    ]


def test_a_wrong_call_of_the_log_still_has_a_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    log, _ = make_log()
    log.error("%d", "no number")
    assert "Traceback" in capsys.readouterr().err
