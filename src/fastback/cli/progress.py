"""Progress of a command: a bar on a terminal, otherwise a line for each completed step, on standard error."""

from __future__ import annotations

import sys
import time

#: Seconds between two drawings of a bar.
_INTERVAL = 0.1


class ProgressDisplay:
    """Shows steps, each with the number of its units; `quiet` shows nothing."""

    def __init__(self, unit: str, *, quiet: bool = False) -> None:
        self._unit = unit
        self._quiet = quiet
        self._is_terminal = sys.stderr.isatty()
        self._drawn_at = 0.0

    def update(self, label: str, done: int, total: int) -> None:
        """Show how far a step is."""
        if self._quiet:
            return
        is_complete = done >= total
        if not self._is_terminal:
            if is_complete:
                print(f"{label}: {done} {self._unit}".rstrip(), file=sys.stderr, flush=True)
            return
        now = time.monotonic()
        if not is_complete and now - self._drawn_at < _INTERVAL:
            return
        self._drawn_at = now
        filled = 30 if is_complete else 30 * done // max(total, 1)
        print(
            f"\r{label[:44]:<44} [{'#' * filled}{'.' * (30 - filled)}] {done}/{max(done, total)}",
            end="\n" if is_complete else "",
            file=sys.stderr,
            flush=True,
        )
