"""`python -m bench.cluster [--only scaling|load|restart|servers] [--reference …/bin/open-webui] [--write]`.

Several processes under load: how they scale, two nodes behind nginx, their restart one after the other, and another
HTTP server. `--write` writes the sections into the docs. PostgreSQL is that of `FASTBACK_TEST_POSTGRES`; Redis servers
are started for each arrangement.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
import time
from pathlib import Path

from bench.cluster_servers import Programs
from bench.machine import describe_machine
from bench.report import write_section
from bench.scaling import measure_scaling
from bench.scaling_report import check_bars, format_section
from fastback import REFERENCE_VERSION, __version__
from fastback.demo.process import run_demo_server

PARTS = ("scaling", "load", "restart")
SCALING_HEADING = "## Several processes"


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
        write_section(SCALING_HEADING, f"{describe_run('scaling')}\n\n{tables}")


def describe_run(part: str) -> str:
    versions = f"Fastback {__version__}, Open WebUI {REFERENCE_VERSION}, PostgreSQL and Redis on the same machine"
    return f"""Measured by `python -m bench.cluster --only {part} --reference … --write`: all servers run at the same
time, measurements alternate, and figures are medians of three.

Machine: {describe_machine()}. {versions}."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.cluster")
    parser.add_argument("--only", choices=PARTS, help="measure one part")
    parser.add_argument("--reference", default=os.environ.get("FASTBACK_REFERENCE"), help="the open-webui executable")
    parser.add_argument("--postgres", default=os.environ.get("FASTBACK_TEST_POSTGRES"), help="address of a server")
    parser.add_argument("--seconds", type=float, help="length of each measurement")
    parser.add_argument(
        "--counts", type=parse_counts, default=(2, 4), help="processes of the reference with Redis (2,4)"
    )
    parser.add_argument("--rounds", type=int, default=3, help="measurements of each figure")
    parser.add_argument("--write", action="store_true", help="write the tables into the docs")
    options = parser.parse_args()
    if not options.postgres:
        parser.error("name a PostgreSQL server: --postgres, or FASTBACK_TEST_POSTGRES")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # servers and databases are removed
    print(describe_machine())
    runs = {"scaling": run_scaling}
    for part in PARTS:
        if options.only in (None, part):
            with tempfile.TemporaryDirectory(prefix="cluster-") as directory:
                runs[part](Path(directory), options)


if __name__ == "__main__":
    main()
