"""`python -m bench.schema_fuzz [--schemathesis st] [--examples N] [--only REGEX]`: test the API with schemathesis.

Schemathesis derives requests from the document of the API: valid ones, and ones with missing, wrong and odd values. A
new server answers them, to an administrator with some chats. Listed are the responses with a
status of 500 or more; 501 is the answer of operations that are not built. Exit code 1 if there are others.

Schemathesis is no dependency of the project: `python -m venv /tmp/st && /tmp/st/bin/pip install schemathesis`, then
`--schemathesis /tmp/st/bin/st`.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

from bench import servers
from fastback.demo.process import find_free_port, run_demo_server

#: Operations that end the session of the administrator, or begin downloads and restarts.
_EXCLUDED = (
    r"/auths/(signout|update/password)|/oauth/|/users/.*/sessions|revoke|/mfa|/admin/config|/api/config|configs/import"
    r"|/retrieval/reset|/metrics|/ollama/|/openai/"
)
#: Records each response with a status of 500 or more, and counts all of them.
_HOOKS = """
import json, os, schemathesis

@schemathesis.hook
def after_call(context, case, response):
    entry = {"status": response.status_code, "method": case.method, "path": case.operation.path}
    if response.status_code >= 500:
        body = response.request.body
        if isinstance(body, bytes):
            body = body[:2000].decode("utf-8", "replace")
        entry |= {"url": response.request.url, "body": str(body)[:2000], "text": response.text[:300]}
    with open(os.environ["SCHEMA_FUZZ_LOG"], "a") as file:
        file.write(json.dumps(entry) + "\\n")
"""


def run_schemathesis(url: str, token: str, directory: Path, options: argparse.Namespace) -> list[dict[str, Any]]:
    """Run schemathesis and return an entry for each response."""
    hooks, record = directory / "schema_fuzz_hooks.py", directory / "responses.jsonl"
    hooks.write_text(_HOOKS, encoding="utf-8")
    record.touch()
    command = [options.schemathesis, "run", f"{url}/openapi.json", "--checks", "not_a_server_error"]
    command += ["--header", f"Authorization: Bearer {token}", "--max-examples", str(options.examples)]
    command += ["--exclude-path-regex", _EXCLUDED, "--request-timeout", "30", "--continue-on-failure"]
    command += ["--seed", "1", "--phases", "examples,coverage,fuzzing", "--no-color", "--no-shrink"]
    if options.only:
        command += ["--include-path-regex", options.only]
    env = {
        **os.environ,
        "SCHEMATHESIS_HOOKS": "schema_fuzz_hooks",
        "PYTHONPATH": str(directory),
        "SCHEMA_FUZZ_LOG": str(record),
    }
    output = directory / "schemathesis.log"
    with output.open("wb") as file, suppress(subprocess.TimeoutExpired):
        subprocess.run(command, env=env, cwd=directory, stdout=file, stderr=file, timeout=options.seconds, check=False)
    entries = [json.loads(line) for line in record.read_text(encoding="utf-8").splitlines()]
    if not entries:
        raise RuntimeError(output.read_text(encoding="utf-8")[-3000:])
    return entries


def report(entries: list[dict[str, Any]], log_text: str) -> int:
    """Print the responses with errors, and return the number of those besides 501."""
    counts = Counter(entry["status"] for entry in entries)
    paths = {entry["path"] for entry in entries}
    print(f"{len(entries)} responses at {len(paths)} paths:", dict(sorted(counts.items())))
    refusals = Counter(entry["path"] for entry in entries if entry["status"] == 401)
    print("401 at", refusals.most_common(5))
    failures = [entry for entry in entries if entry["status"] >= 500 and entry["status"] != 501]
    grouped = Counter((entry["status"], entry["method"], entry["path"]) for entry in failures)
    for (status, method, path), count in sorted(grouped.items()):
        example = next(entry for entry in failures if (entry["method"], entry["path"]) == (method, path))
        print(f"{status} {method} {path} ({count})\n    {example['url']}\n    {example['body'][:500]}")
        print(f"    {example['text']}")
    if failures:
        print(log_text[-20_000:])
    return len(failures)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--schemathesis", default="st", help="the command of schemathesis")
    parser.add_argument("--examples", type=int, default=20, help="requests for each operation and phase")
    parser.add_argument(
        "--seconds", type=int, default=3600, help="time limit of the run; what was tested until then counts"
    )
    parser.add_argument("--only", default="", help="regular expression of paths")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="schema-fuzz-") as name, run_demo_server() as upstream:
        directory, port = Path(name), find_free_port()
        env = servers.make_environment(upstream, directory / "data", port)
        command = [sys.executable, "-m", "fastback", "serve"]
        with servers.run_server("Fastback", command, env, port) as running:
            running.prepare_chats()
            servers.call_json(f"{running.url}/openapi.json")  # the first response takes longer than schemathesis waits
            entries = run_schemathesis(running.url, running.token, directory, options)
            log_text = (directory / "fastback.log").read_text(encoding="utf-8")
        return 1 if report(entries, log_text) else 0


if __name__ == "__main__":
    sys.exit(main())
