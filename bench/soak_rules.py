"""Judge the readings of a soak, and print them.

The rules were written before the measured run:

- Memory: a least-squares line through the resident memory of a server process, over the second half of the load. It
  grows where the slope is 2 MB an hour or more, and at least twice its standard error.
- Queues, while the load runs: the median of the last quarter is at most 2 above the highest value of the first quarter.
- Queues, after the load: at most 2 above the value before it. Nobody asks for anything then.
- Open files and threads, after the load: at most 2 above the highest value of the first quarter, since pools of threads
  and connections fill when they are needed.
- Redis, after the load: at most 5 keys more than before, without those of ended sessions and the last tokens of leases,
  which expire by themselves; at most 2 more that never expire; at most 100 kB more in the output buffers of clients.
"""

from __future__ import annotations

import statistics
import textwrap
from typing import NamedTuple

from bench.soak_readings import BUFFERS, FILES, MEMORY, OTHER_KEYS, QUEUES, THREADS, Subject, Values

#: Characters of a line in the docs.
LINE_LENGTH = 120
_MOST_SLOPE, _STANDARD_ERRORS = 2.0, 2.0
_QUEUE_ROOM, _POOL_ROOM = 2.0, 2.0
#: What may be more after the load than before it, by name.
_ROOMS = {
    **dict.fromkeys(QUEUES, _QUEUE_ROOM),
    OTHER_KEYS: 5.0,
    "keys without an expiry": 2.0,
    BUFFERS: 100.0,
}


class Slope(NamedTuple):
    """MB an hour, with the standard error."""

    value: float
    error: float

    @property
    def is_growth(self) -> bool:
        return self.value >= _MOST_SLOPE and self.value >= _STANDARD_ERRORS * self.error


class Soak(NamedTuple):
    """The values before the load, those of each moment (in minutes) of the load, and those after it."""

    before: Values
    readings: list[tuple[float, Values]]
    after: Values

    def get_series(self, subject: Subject) -> list[float]:
        return [values.get(subject, 0.0) for _, values in self.readings]

    def get_quarter(self, subject: Subject, number: int) -> list[float]:
        """Return the values of a quarter of the load; 0 is the first."""
        series = self.get_series(subject)
        size = max(1, len(series) // 4)
        return series[-size:] if number == 3 else series[number * size : (number + 1) * size]

    def fit_memory(self, place: str) -> Slope:
        """Return how the memory of a process changes in the second half of the load."""
        later = self.readings[len(self.readings) // 2 :]
        hours = [moment / 60 for moment, _ in later]
        sizes = [values[Subject(place, MEMORY)] for _, values in later]
        if len(later) < 3:
            return Slope(0.0, 0.0)
        slope, intercept = statistics.linear_regression(hours, sizes)
        rest = sum((size - intercept - slope * hour) ** 2 for hour, size in zip(hours, sizes, strict=True))
        middle = statistics.fmean(hours)
        spread = sum((hour - middle) ** 2 for hour in hours)
        return Slope(slope, (rest / (len(later) - 2) / spread) ** 0.5)

    def list_processes(self) -> list[str]:
        return [place for place, name in self.before if name == MEMORY]


def list_remains(soak: Soak, after: Values) -> list[str]:
    """Return what has not come back to the values before the load."""
    broken = []
    for subject, value in after.items():
        room, before = _ROOMS.get(subject.name), soak.before.get(subject, 0.0)
        if room is not None and value > before + room:
            broken.append(f"{subject.place}: {subject.name}: {value:g} after the load, {before:g} before it")
        if subject.name in (FILES, THREADS):
            highest = max(soak.get_quarter(subject, 0), default=0.0)
            if value > highest + _POOL_ROOM:
                broken.append(
                    f"{subject.place}: {subject.name}: {value:g} after the load, {highest:g} at its beginning"
                )
    return broken


def list_broken_rules(soak: Soak) -> list[str]:
    """Return the rules that a soak breaks, each with its figures."""
    broken = []
    for place in soak.list_processes():
        slope = soak.fit_memory(place)
        if slope.is_growth:
            broken.append(f"{place}: memory grows by {slope.value:.1f} ± {slope.error:.1f} MB an hour")
    for subject in soak.before:
        if subject.name in QUEUES:
            highest, later = max(soak.get_quarter(subject, 0)), statistics.median(soak.get_quarter(subject, 3))
            if later > highest + _QUEUE_ROOM:
                broken.append(f"{subject.place}: {subject.name}: grows from at most {highest:g} to {later:g}")
    return broken + list_remains(soak, soak.after)


def format_soak(soak: Soak) -> str:
    """Return a table: a row for each subject, with the values of all processes in it; zeros are named below it."""
    rows, empty = [], []
    places = soak.list_processes()
    names = dict.fromkeys(subject.name for subject in soak.before if subject.place in places)
    groups = [("", [Subject(place, name) for place in places]) for name in names]
    groups += [(f"{subject.place}: ", [subject]) for subject in soak.before if subject.place not in places]
    for prefix, subjects in groups:
        columns = [
            [soak.before.get(subject, 0.0) for subject in subjects],
            [statistics.median(soak.get_quarter(subject, 0)) for subject in subjects],
            [max(soak.get_series(subject)) for subject in subjects],
            [statistics.median(soak.get_quarter(subject, 3)) for subject in subjects],
            [soak.after.get(subject, 0.0) for subject in subjects],
        ]
        name = f"{prefix}{subjects[0].name}"
        if any(map(any, columns)):
            rows.append(f"| {name} | " + " | ".join(", ".join(map(_format_value, column)) for column in columns) + " |")
        else:
            empty.append(name)
    head = "| | before | first quarter | highest | last quarter | after |\n| --- | --: | --: | --: | --: | --: |"
    slopes = "; ".join(
        f"{place} {slope.value:+.1f} ± {slope.error:.1f}" for place in places for slope in (soak.fit_memory(place),)
    )
    paragraphs = [f"0 at each moment: {', '.join(empty)}."] if empty else []
    paragraphs.append(f"Memory, slope of the second half (MB an hour): {slopes}.")
    return "\n\n".join(("\n".join((head, *rows)), *(textwrap.fill(text, LINE_LENGTH) for text in paragraphs)))


def _format_value(value: float) -> str:
    return f"{value:.1f}" if value % 1 else f"{value:.0f}"
