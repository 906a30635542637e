"""The tables of `bench.scaling` for the docs, and whether its bars are met."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable

from bench.cluster_servers import FASTBACK, REFERENCE, Arrangement
from bench.scaling import (
    CHATS,
    FIRST_TOKEN,
    LIMIT,
    LIMITED,
    PER_PROCESS,
    READS,
    TOKENS,
    ScalingFigures,
    list_arrangements,
)

#: The least capacity of four processes compared with one, and the least rate with Redis compared with one without.
SCALING_BAR, REDIS_BAR = 1.7, 0.9
_RATES = (READS, CHATS, TOKENS)

Row = tuple[str, ...]


def format_table(head: Row, rows: Iterable[Row]) -> str:
    lines = [head, ("---", *("--:" for _ in head[1:])), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _format_memory(memory: tuple[float, float]) -> str:
    return f"{memory[0]:,.0f} ({memory[1]:,.0f})"


def format_program(figures: ScalingFigures, arrangements: list[Arrangement]) -> str:
    """Return the table of one program: what was measured by the clock, and the memory."""
    rows: list[Row] = [
        (what, *(f"{figures.get_rate(arrangement, what).rate:,.0f}" for arrangement in arrangements)) for what in _RATES
    ]
    rows.append((FIRST_TOKEN, *(f"{figures.get_delay(arrangement):.1f}" for arrangement in arrangements)))
    for name, memory in (("idle", figures.idle_memory), ("after the load", figures.memory)):
        cells = (_format_memory(memory[arrangement]) for arrangement in arrangements)
        rows.append((f"memory, {name}, all processes (the largest), MB", *cells))
    return format_table((arrangements[0].program, *(arrangement.label for arrangement in arrangements)), rows)


def format_ratios(figures: ScalingFigures, pairs: list[tuple[Arrangement, Arrangement]]) -> str:
    """Return the table of ratios between both programs in the same arrangement."""
    rows: list[Row] = []
    for what in _RATES:
        rates = [(figures.get_rate(ours, what).rate, figures.get_rate(theirs, what).rate) for ours, theirs in pairs]
        rows.append(
            (what, *(f"{our_rate / their_rate:,.1f}×" if their_rate else "–" for our_rate, their_rate in rates))
        )
    delays = [(figures.get_delay(ours), figures.get_delay(theirs)) for ours, theirs in pairs]
    rows.append((FIRST_TOKEN, *(f"1/{theirs / ours:.0f}" if ours > 0 else "–" for ours, theirs in delays)))
    sizes = [(figures.memory[ours][0], figures.memory[theirs][0]) for ours, theirs in pairs]
    rows.append(("memory after the load", *(f"1/{theirs / ours:.1f}" for ours, theirs in sizes)))
    return format_table(("Fastback to Open WebUI", *(ours.label for ours, _ in pairs)), rows)


def format_shares(figures: ScalingFigures, arrangements: list[Arrangement]) -> str:
    """Return the table of cores in use during each measurement, with the capacity."""
    rows: list[Row] = []
    for what in _RATES:
        for arrangement in arrangements:
            rate = figures.get_rate(arrangement, what)
            cores = (rate.server, rate.services, rate.model, rate.generator, rate.idle)
            cost = f"{rate.server / rate.rate * 1e6:,.0f}" if rate.rate else "–"
            capacity = f"{figures.get_capacity(arrangement, what):,.0f}"
            label = f"{what}: {arrangement.program}, {arrangement.label}"
            rows.append((label, *(f"{share:.2f}" for share in cores), cost, capacity))
    head = (
        "cores in use",
        "server",
        "PostgreSQL, Redis",
        "model server",
        "generator",
        "idle",
        "server (µs each)",
        "capacity",
    )
    return format_table(head, rows)


def format_scaling(figures: ScalingFigures, arrangements: list[Arrangement]) -> str:
    """Return the table of what several processes do compared with one, by capacity and with limited processes."""
    first = arrangements[0]

    def build_row(label: str, get_value: Callable[[Arrangement], float]) -> Row:
        values = [get_value(arrangement) for arrangement in arrangements]
        return (label, *(f"{value:,.0f} ({value / values[0]:.2f}×)" for value in values))

    rows = [build_row(f"{what}, capacity", lambda item, what=what: figures.get_capacity(item, what)) for what in _RATES]
    for what in LIMITED:
        if figures.has_rate(first, what):
            rows.append(build_row(what, lambda item, what=what: figures.get_rate(item, what).rate))
    return format_table((first.program, *(arrangement.label for arrangement in arrangements)), rows)


def check_bars(figures: ScalingFigures) -> list[str]:
    """Return a line for each bar, which says whether it is met."""
    _, plain, *shared = list_arrangements(FASTBACK, (1, 2, 4))
    lines = []
    for what in (READS, CHATS):
        ratio = figures.get_capacity(shared[2], what) / figures.get_capacity(shared[0], what)
        lines.append(_describe_bar(f"4 processes to 1, capacity, {what}", ratio, SCALING_BAR))
    for what in LIMITED:
        if figures.has_rate(shared[2], what):
            ratio = figures.get_rate(shared[2], what).rate / figures.get_rate(shared[0], what).rate
            lines.append(_describe_bar(f"4 processes to 1, {what}", ratio, SCALING_BAR))
    for what in _RATES:
        ratio = figures.get_rate(shared[0], what).rate / figures.get_rate(plain, what).rate
        lines.append(_describe_bar(f"with Redis to without, {what}", ratio, REDIS_BAR))
    return lines


def _describe_bar(what: str, ratio: float, bar: float) -> str:
    return f"{what}: {ratio:.2f}, at least {bar}: {'met' if ratio >= bar else 'missed'}"


def format_section(figures: ScalingFigures, counts: tuple[int, ...] | None) -> str:
    """Return the tables and the method; `counts` are the reference's processes with Redis, None where it is missing."""
    ours = list_arrangements(FASTBACK, (1, 2, 4))
    theirs = list_arrangements(REFERENCE, counts) if counts is not None else []
    parts = [format_program(figures, ours)]
    if theirs:
        parts.append(format_program(figures, theirs))
        matches = [(arrangement, arrangement._replace(program=REFERENCE)) for arrangement in ours]
        parts.append(format_ratios(figures, [(our, their) for our, their in matches if their in theirs]))
    parts.append(_METHOD)
    parts.append(format_scaling(figures, [arrangement for arrangement in ours if arrangement.has_redis]))
    parts.append(format_shares(figures, [*ours, *theirs]))
    if figures.failures:
        parts.append("Failed: " + ", ".join(f"{count} × {what}" for what, count in figures.failures.items()) + ".")
    return "\n\n".join(parts)


_METHOD = f"""Reads are `GET /api/models` and `GET /api/v1/chats/?page=1` in turn; chats have 50 tokens and are not
streamed; pages ask for 500 tokens again and again. Each process has {PER_PROCESS} connections or pages: one that has
fewer does less at each turn of its event loop, and spends more on each operation. The tables above have rates by the
clock. PostgreSQL, the model server and the load generator share the {os.cpu_count()} cores with the servers, so four
processes have neither four cores nor two whole ones. Two figures show what processes add nevertheless; this method was
chosen on a busy machine, before this run:

- *Capacity*: operations per second of the server's processor time, times the smaller of processes and cores. It says
  what the processes would do if all else ran on other machines; processes that hinder each other spend more on each
  operation, and have less capacity. For tokens it says less: the faster an answer comes, the more of its tokens one
  message to the page carries.
- *Limited*: each process gets {LIMIT:.0%} of a core (`cpu.cfs_quota_us`), so that four of them leave a core for
  everything else. These are rates by the clock of processes that really run side by side."""
