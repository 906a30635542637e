"""Record the reference's answers: `python tests/parity/record.py --reference …/bin/open-webui [--only NAME …]`.

Each scenario starts with an empty database. The answers are written to `recorded/<scenario>.json`; a scenario with
`KEEPS` also saves the database as SQL, in `reference_db/webui.sql.gz`.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
from contextlib import nullcontext
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import aiohttp

from fastback.demo.process import run_demo_server as running_upstream
from ldap_server import LdapServer, run_ldap_server
from parity import recordings, reference
from parity.player import open_player
from parity.steps import MissingValue, Scenario, list_scenarios


async def record_scenario(
    scenario: Scenario, served: reference.Reference, upstream: str, directory: LdapServer | None
) -> list[dict[str, Any]]:
    """Return the answers to all steps.

    Raises:
        SystemExit: a step needs a value that the reference did not return; the scenario is wrong.
    """
    answers = []
    async with open_player(scenario, served.url, upstream, str(served.data_dir), directory=directory) as player:
        if scenario.opens:
            player.values.update(recordings.read_credentials())
        for step in scenario.steps:
            try:
                answer = await player.play(step)
            except MissingValue as missing:
                raise SystemExit(f"{scenario.name}: {step.label} needs {missing}, which no answer contained") from None
            except (aiohttp.ClientError, TimeoutError) as error:
                raise SystemExit(f"{scenario.name}: {step.label}: {error!r}\n{served.read_log_tail()}") from error
            if "$" in step.ignore:
                answer["body"] = None  # never compared
            answers.append({"step": step.label, **answer})
            if answer["status"] >= 500:
                print(f"  {answer['status']} {step.label}")
        if scenario.keeps:
            recordings.save_credentials({name: player.values[name] for name in recordings.SAVED_VALUES})
    return answers


def group_by_environment(scenarios: list[Scenario]) -> list[list[Scenario]]:
    """Return the scenarios that one reference can play together."""
    groups: dict[tuple[tuple[str, str], ...], list[Scenario]] = {}
    for scenario in scenarios:
        groups.setdefault(tuple(sorted(scenario.environment.items())), []).append(scenario)
    return list(groups.values())


def record_scenarios(
    scenarios: list[Scenario], served: reference.Reference, upstream: str, directory: LdapServer | None
) -> None:
    """Play scenarios one after the other, and write the answers."""
    version = served.read_version()
    for scenario in scenarios:
        if not scenario.opens:
            served.empty_database()
        print(f"{scenario.name}: {len(scenario.steps)} steps", flush=True)
        answers = asyncio.run(record_scenario(scenario, served, upstream, directory))
        recordings.write_answers(scenario, version, answers)
        if scenario.keeps:
            recordings.save_database(served.dump_database(), upstream)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--reference", default=os.environ.get("FASTBACK_REFERENCE"), help="path of open-webui")
    parser.add_argument("--only", nargs="*", default=[], help="names of scenarios")
    arguments = parser.parse_args()
    if not arguments.reference:
        parser.error("say where the reference is: --reference, or FASTBACK_REFERENCE")
    selected = [scenario for scenario in list_scenarios() if not arguments.only or scenario.name in arguments.only]
    needs_directory = any(scenario.needs_directory for scenario in selected)
    with (
        tempfile.TemporaryDirectory(prefix="parity-") as folder,
        running_upstream() as upstream,
        run_ldap_server() if needs_directory else nullcontext() as directory,
    ):
        for number, scenarios in enumerate(group_by_environment(selected)):
            data_dir = Path(folder) / str(number)
            data_dir.mkdir()
            environment = scenarios[0].environment
            with reference.run_reference(arguments.reference, data_dir, upstream, environment) as served:
                record_scenarios(scenarios, served, upstream, directory)


if __name__ == "__main__":
    main()
