"""Records the reference's answers: `python tests/parity/record.py --reference …/bin/open-webui [--only NAME …]`.

Each scenario starts with an empty database. The answers go to `recorded/<scenario>.json`; a scenario with `KEEPS`
also leaves the database as SQL, in `reference_db/webui.sql.gz`.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import aiohttp

from fastback.demo.process import run_demo_server as running_upstream
from parity import recordings, reference
from parity.player import playing
from parity.steps import MissingValue, Scenario, scenarios


async def recorded(scenario: Scenario, served: reference.Reference, upstream: str) -> list[dict[str, Any]]:
    """The answers to all steps.

    Raises:
        SystemExit: a step needs what the reference did not give: the scenario is wrong.
    """
    answers = []
    async with playing(scenario, served.url, upstream, str(served.data_dir)) as player:
        if scenario.opens:
            player.known.update(recordings.credentials())
        for step in scenario.steps:
            try:
                answer = await player.play(step)
            except MissingValue as missing:
                raise SystemExit(f"{scenario.name}: {step.label} needs {missing}, which nobody gave") from None
            except (aiohttp.ClientError, TimeoutError) as error:
                raise SystemExit(f"{scenario.name}: {step.label}: {error!r}\n{served.log_tail()}") from error
            if "$" in step.ignore:
                answer["body"] = None  # never compared, so not kept
            answers.append({"step": step.label, **answer})
            if answer["status"] >= 500:
                print(f"  {answer['status']} {step.label}")
        if scenario.keeps:
            recordings.keep_credentials({name: player.known[name] for name in recordings.KEPT})
    return answers


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--reference", default=os.environ.get("FASTBACK_REFERENCE"), help="path of open-webui")
    parser.add_argument("--only", nargs="*", default=[], help="names of scenarios")
    arguments = parser.parse_args()
    if not arguments.reference:
        parser.error("say where the reference is: --reference, or FASTBACK_REFERENCE")
    chosen = [one for one in scenarios() if not arguments.only or one.name in arguments.only]
    with tempfile.TemporaryDirectory(prefix="parity-") as folder, running_upstream() as upstream:
        data_dir = Path(folder)
        with reference.running(arguments.reference, data_dir, upstream) as served:
            version = served.version()
            for scenario in chosen:
                if not scenario.opens:
                    served.empty()
                print(f"{scenario.name}: {len(scenario.steps)} steps", flush=True)
                answers = asyncio.run(recorded(scenario, served, upstream))
                recordings.write_answers(scenario, version, answers)
                if scenario.keeps:
                    recordings.keep_database(served.dump(), upstream)


if __name__ == "__main__":
    main()
