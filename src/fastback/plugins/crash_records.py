"""The crashes of the plugin process: the pause before the next start, and the plugins that were at work each time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import msgspec

#: Crashes in a row after which the plugins that had calls under way are reported.
MAX_CRASHES = 3
#: Seconds before a process is started after a crash; twice as long after each further one, up to the last.
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
#: Seconds of rest after which a crash is the first again.
CALM_SECONDS = 60.0


class PluginKey(msgspec.Struct, frozen=True):
    """A plugin: `kind` is `tool` or `function`."""

    kind: str
    id: str


#: A plugin, and the method of the process that ran its code.
Work = tuple[PluginKey, str]


class CrashRecords:
    """Count crashes in a row, and for each plugin those during calls of one method."""

    def __init__(self) -> None:
        self._count = 0
        self._last_time = 0.0
        self._counts: Counter[Work] = Counter()

    def add(self, suspects: Iterable[Work], now: float) -> list[Work]:
        """Note a crash during the work of these; return those that have reached the limit, and forget them."""
        self._count += 1
        self._last_time = now
        suspects = list(suspects)
        self._counts.update(suspects)
        reported = [work for work in suspects if self._counts[work] >= MAX_CRASHES]
        for work in reported:
            del self._counts[work]
        return reported

    def forget(self, keys: Iterable[PluginKey], method: str) -> None:
        """Note that a method of plugins has returned."""
        if self._counts:
            for key in keys:
                self._counts.pop((key, method), None)

    def is_suspected(self, plugins: Iterable[PluginKey]) -> bool:
        """Return whether the process has crashed during the last call of one of these plugins."""
        return bool(self._counts) and not {key for key, _ in self._counts}.isdisjoint(plugins)

    def get_pause(self, now: float) -> float:
        """Return the seconds to wait before another process is started."""
        calm = now - self._last_time
        if self._count and calm > CALM_SECONDS:
            self._count = 0
        if not self._count:
            return 0.0
        pause = FIRST_PAUSE * 2.0 ** min(self._count - 1, 10)
        return max(min(pause, LONGEST_PAUSE) - calm, 0.0)
