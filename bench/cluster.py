"""`python -m bench.cluster [--only scaling|load|restart|servers] [--reference …/bin/open-webui] [--write]`.

Several processes under load: how they scale, two nodes behind nginx, their restart one after the other, and another
HTTP server. `--write` writes the sections into the docs. PostgreSQL is that of `FASTBACK_TEST_POSTGRES`; Redis servers
are started for each arrangement.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import uvicorn

from bench.cluster_servers import FASTBACK, REFERENCE, Programs
from bench.load_proof import FULL, RATE, SMALL, LoadResult, Size, measure_plain_load, measure_restart
from bench.load_report import count_failures, format_load, format_restart, list_restart_bars, list_rows
from bench.machine import describe_machine
from bench.report import write_section
from bench.scaling import measure_scaling
from bench.scaling_report import check_bars, format_section
from bench.server_comparison import CHOICE, format_servers, measure_servers
from fastback import REFERENCE_VERSION, __version__
from fastback.demo.process import run_demo_server

PARTS = ("scaling", "load", "restart", "servers")
SCALING_HEADING = "## Several processes"
SERVERS_HEADING = "## granian in place of uvicorn"
LOAD_HEADING, RESTART_HEADING = "## Two nodes under load", "## A restart under load"
SCALING_RUN = "all servers run at the same time, measurements alternate, and figures are medians of three."
LOAD_RUN = "pages, streams, reads, nginx and both nodes run on one machine, one program after the other."


def parse_counts(text: str) -> tuple[int, ...]:
    return tuple(int(count) for count in text.split(",") if count)


def run_scaling(work: Path, options: argparse.Namespace) -> None:
    """Measure how both programs scale."""
    started = time.monotonic()
    with run_demo_server() as upstream:
        programs = Programs(work, upstream, options.postgres, options.reference)
        figures = measure_scaling(
            programs,
            upstream,
            has_reference=bool(options.reference),
            counts=options.counts,
            seconds=options.seconds or 3.0,
            rounds=options.rounds,
        )
    tables = format_section(figures, options.counts if options.reference else None)
    print(f"\n{tables}\n")
    print("\n".join(check_bars(figures)))
    print(f"{time.monotonic() - started:.0f} s, load average {os.getloadavg()[0]:.1f}", flush=True)
    if options.write:
        write_section(SCALING_HEADING, f"{describe_run('scaling', SCALING_RUN)}\n\n{tables}")


def parse_size(text: str) -> Size:
    pages, _, streams = text.partition(",")
    return Size(int(pages), int(streams))


def try_load(programs: Programs, program: str, work: Path, size: Size, seconds: float) -> LoadResult | str:
    """Return the figures of a run, or why it could not be measured."""
    try:
        return measure_plain_load(programs, program, work, size, seconds)
    except (RuntimeError, ValueError, OSError, subprocess.CalledProcessError) as error:
        return f"{type(error).__name__}: {error}"[:300]


def run_load(work: Path, options: argparse.Namespace) -> None:
    """Measure two nodes behind nginx; the reference with a smaller load, too, where it does not hold the full one."""
    seconds, size = options.seconds or 20.0, options.size
    results: dict[str, LoadResult] = {}
    notes: list[str] = []
    with run_demo_server(rate=RATE) as upstream:
        programs = Programs(work, upstream, options.postgres, options.reference)
        sizes = {FASTBACK: [size], REFERENCE: [size, SMALL] if options.reference else []}
        for program, attempts in sizes.items():
            for attempt in attempts:
                with programs.prepare_template(program):
                    result = try_load(programs, program, work, attempt, seconds)
                if isinstance(result, str):
                    notes.append(f"{program} with {attempt.pages} pages and {attempt.streams} streams: `{result}`")
                    print(notes[-1], flush=True)
                    continue
                name = f"{program}, {attempt.pages} pages"
                results[name] = result
                print(f"{name}:\n" + "\n".join(f"  {what}: {value}" for what, value in list_rows(result)), flush=True)
                if not count_failures(result):
                    break
    if not results:
        raise SystemExit("no run could be measured")
    text = format_load(results, notes)
    print(f"\n{text}\n\nload average {os.getloadavg()[0]:.1f}", flush=True)
    if options.write:
        write_section(LOAD_HEADING, f"{describe_run('load', LOAD_RUN)}\n\n{text}")


def run_restart(work: Path, options: argparse.Namespace) -> None:
    """Restart both nodes under load."""
    with run_demo_server(rate=RATE) as upstream:
        programs = Programs(work, upstream, options.postgres, None)
        with programs.prepare_template(FASTBACK):
            result = measure_restart(programs, work, options.size)
    text = format_restart(result)
    print(f"\n{text}\n")
    for what, count in list_restart_bars(result):
        print(f"{what}: {count}, {'met' if not count else 'missed'}")
    print(f"load average {os.getloadavg()[0]:.1f}", flush=True)
    if options.write:
        write_section(RESTART_HEADING, f"{describe_run('restart', LOAD_RUN)}\n\n{text}")


def run_servers(work: Path, options: argparse.Namespace) -> None:
    """Measure the application under granian and under uvicorn."""
    if not options.granian:
        print("skipped: --granian names no program")
        return
    text = format_servers(measure_servers(options.granian, options.seconds or 3.0, options.rounds, work))
    version = subprocess.run([options.granian, "--version"], capture_output=True, text=True, check=True).stdout.split()
    print(f"\n{text}\n\nload average {os.getloadavg()[0]:.1f}", flush=True)
    if options.write:
        run = describe_run("servers", SCALING_RUN).replace("--reference …", "--granian …")
        write_section(
            SERVERS_HEADING, f"{run} granian {version[-1]}, uvicorn {uvicorn.__version__}.\n\n{text}\n\n{CHOICE}"
        )


def describe_run(part: str, manner: str) -> str:
    versions = f"Fastback {__version__}, Open WebUI {REFERENCE_VERSION}, PostgreSQL and Redis on the same machine"
    return f"""Measured by `python -m bench.cluster --only {part} --reference … --write`:
{manner}

Machine: {describe_machine()}. {versions}."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.cluster")
    parser.add_argument("--only", choices=PARTS, help="measure one part")
    parser.add_argument("--reference", default=os.environ.get("FASTBACK_REFERENCE"), help="the open-webui executable")
    parser.add_argument("--granian", help="the program of granian, in an environment of its own")
    parser.add_argument("--postgres", default=os.environ.get("FASTBACK_TEST_POSTGRES"), help="address of a server")
    parser.add_argument("--seconds", type=float, help="length of each measurement")
    parser.add_argument(
        "--counts", type=parse_counts, default=(2, 4), help="processes of the reference with Redis (2,4)"
    )
    parser.add_argument(
        "--size", type=parse_size, default=FULL, metavar="PAGES,STREAMS", help="load of the nodes (500,50)"
    )
    parser.add_argument("--rounds", type=int, default=3, help="measurements of each figure")
    parser.add_argument("--write", action="store_true", help="write the tables into the docs")
    options = parser.parse_args()
    if not options.postgres:
        parser.error("name a PostgreSQL server: --postgres, or FASTBACK_TEST_POSTGRES")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # servers and databases are removed
    print(describe_machine())
    runs = {"scaling": run_scaling, "load": run_load, "restart": run_restart, "servers": run_servers}
    for part in PARTS:
        if options.only in (None, part):
            with tempfile.TemporaryDirectory(prefix="cluster-") as directory:
                runs[part](Path(directory), options)


if __name__ == "__main__":
    main()
