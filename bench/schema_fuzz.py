"""`python -m bench.schema_fuzz [--schemathesis st] [--examples N] [--only REGEX] [--database postgres]`.

Test the API with schemathesis, which derives requests from its document: valid ones, and ones with missing, wrong and
odd values. Everybody calls every operation: an administrator, a user, somebody without a token, and an identity
provider those of SCIM. Operations that end sessions or change settings come last, each group on a server of its own.
Listed are responses with a status of 500 or more, and those that tell of the server's internals; then the operations
that nobody has reached. Exit code 1 if there are any.

Schemathesis is no dependency of the project: `python -m venv /tmp/st && /tmp/st/bin/pip install schemathesis`, then
`--schemathesis /tmp/st/bin/st`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from bench import servers
from bench.servers import Running
from fastback.demo.process import find_free_port, run_demo_server

ROOT = Path(__file__).parents[1]
_FEATURES = ["ENABLE_SCIM", "ENABLE_API_KEYS", "ENABLE_CHANNELS", "ENABLE_CODE_EXECUTION", "ENABLE_IMAGE_GENERATION"]
SCIM_TOKEN = "token-of-the-identity-provider"
_ACCOUNTS = {
    "admin": {"email": "bench@example.com", "password": servers.PASSWORD},
    "user": {"email": "bob@example.com", "password": servers.PASSWORD},
}
#: Groups of operations that end the session of the administrator, or change what the others need.
_DISRUPTIVE = {
    "sign-out": r"/auths/signout|/oauth|sessions|revoke",
    "passwords": r"/auths/(update|api_key|add)|/users/",
    "sign-in settings": r"/auths/admin/(details|config/)",
    "sign-in policy": r"/auths/admin/config$",
    "factors": r"mfa|factor",
    "settings": r"^(?!.*/auths/).*(/config|/api/webhook|/retrieval/(reset|embedding|update)|reset|import)",
    "members": r"/groups|/functions|/tools|/scim/",
}
_DISRUPTIVE_ANY = "|".join(_DISRUPTIVE.values())


class Pass(NamedTuple):
    """One run of schemathesis on one new server; `role` calls the operations that `include` and not `exclude` match."""

    role: str
    include: str
    exclude: str = ""


def list_passes(only: str) -> list[Pass]:
    """Return the passes over all operations, or one of each role over those that `only` matches."""
    if only:
        return [Pass(role, only) for role in ("admin", "user", "nobody", "provider")]
    calm = [Pass(role, "", _DISRUPTIVE_ANY) for role in ("admin", "user", "nobody")]
    disruptive = [Pass(role, pattern) for role in ("admin", "user") for pattern in _DISRUPTIVE.values()]
    return [*calm, *disruptive, Pass("nobody", _DISRUPTIVE_ANY), Pass("provider", "/scim/")]


def prepare_records(running: Running) -> tuple[dict[str, str], dict[str, list[str]]]:
    """Return the tokens of each role, and ids of existing records by the start of the paths that take them."""

    def call(path: str, body: Any = None) -> Any:
        return servers.call_json(f"{running.url}/api/v1{path}", body, running.token)

    running.prepare_chats()
    form = {"name": "Bob", "email": "bob@example.com", "password": servers.PASSWORD, "role": "user"}
    user = call("/auths/add", form)
    channel = call("/channels/create", {"name": "general", "description": ""})["id"]
    call(f"/channels/{channel}/messages/post", {"content": "Hello"})
    permissions: dict[str, Any] = {"access_grants": []}
    ids = {
        "/api/v1/chats/": [chat["id"] for chat in call("/chats/")],
        "/api/v1/folders/": [call("/folders/", {"name": "Folder"})["id"]],
        "/api/v1/notes/": [call("/notes/create", {"title": "Note", **permissions})["id"]],
        "/api/v1/knowledge/": [call("/knowledge/create", {"name": "K", "description": "d", **permissions})["id"]],
        "/api/v1/groups/": [call("/groups/create", {"name": "Group", "description": ""})["id"]],
        "/api/v1/channels/": [channel],
        "/api/v1/users/": [user["id"]],
        "/api/v1/prompts/": [
            call("/prompts/create", {"command": "p", "name": "P", "content": "c", **permissions})["id"]
        ],
        "/api/v1/scim/v2/Users/": [user["id"]],
    }
    ids["/api/v1/scim/v2/Groups/"] = ids["/api/v1/groups/"]
    return {"admin": running.token, "user": user["token"], "provider": SCIM_TOKEN}, ids


def run_schemathesis(
    step: Pass, running: Running, directory: Path, options: argparse.Namespace
) -> list[dict[str, Any]]:
    """Run schemathesis, and return an entry for each response."""
    tokens, ids = prepare_records(running)
    record = directory / "responses.jsonl"
    record.touch()
    command = [options.schemathesis, "run", f"{running.url}/openapi.json", "--checks", "not_a_server_error"]
    command += ["--max-examples", str(options.examples), "--request-timeout", "20", "--continue-on-failure"]
    command += ["--seed", "1", "--phases", options.phases, "--no-color", "--no-shrink", "--warnings", "off"]
    if step.include:
        command += ["--include-path-regex", step.include]
    if step.exclude:
        command += ["--exclude-path-regex", step.exclude]
    env = {
        **os.environ,
        "SCHEMATHESIS_HOOKS": "bench.schema_fuzz_hooks",
        "PYTHONPATH": str(ROOT),
        "SCHEMA_FUZZ_LOG": str(record),
        "SCHEMA_FUZZ_DATA": str(directory),
        "SCHEMA_FUZZ_IDS": json.dumps(ids),
        "SCHEMA_FUZZ_URL": running.url,
        "SCHEMA_FUZZ_TOKEN": tokens.get(step.role, ""),
        "SCHEMA_FUZZ_ACCOUNT": json.dumps(_ACCOUNTS[step.role]) if step.role in _ACCOUNTS else "",
    }
    output = directory / "schemathesis.log"
    with output.open("wb") as file, suppress(subprocess.TimeoutExpired):
        subprocess.run(command, env=env, cwd=directory, stdout=file, stderr=file, timeout=options.seconds, check=False)
    entries = [json.loads(line) for line in record.read_text(encoding="utf-8").splitlines()]
    if not entries:
        print(output.read_text(encoding="utf-8")[-2000:])
    return [{**entry, "role": step.role} for entry in entries]


def list_operations(running: Running) -> set[tuple[str, str]]:
    """Return the method and path of each operation of the document."""
    paths = servers.call_json(f"{running.url}/openapi.json")["paths"]
    return {(method.upper(), path) for path, operations in paths.items() for method in operations}


@contextmanager
def create_database(kind: str) -> Iterator[dict[str, str]]:
    """Create a database, and return the variables that name it."""
    address = os.environ.get("FASTBACK_TEST_POSTGRES", "")
    if kind != "postgres":
        yield {}
        return
    name = f"schema_fuzz_{uuid.uuid4().hex[:8]}"
    asyncio.run(_run_sql(address, f"CREATE DATABASE {name}"))
    try:
        yield {"DATABASE_URL": f"{address.rpartition('/')[0]}/{name}"}
    finally:
        asyncio.run(_run_sql(address, f"DROP DATABASE {name} WITH (FORCE)"))


async def _run_sql(address: str, statement: str) -> None:
    import asyncpg

    connection = await asyncpg.connect(address)
    await connection.execute(statement)
    await connection.close()


def is_fault(entry: dict[str, Any]) -> bool:
    """Return whether a response is wrong.

    SCIM answers what it does not support with 501, as its standard says, and an API that is disabled answers with 503.
    """
    is_unsupported = entry["status"] == 501 and "/scim/" in entry["path"]
    is_disabled = entry["status"] == 503 and "disabled" in entry["text"]
    return bool((entry["status"] >= 500 and not is_unsupported and not is_disabled) or entry.get("leak"))


def report(entries: list[dict[str, Any]], operations: set[tuple[str, str]], only: str) -> int:
    """Print what was called and what is wrong, and return the number of faults."""
    reached = {(entry["method"].upper(), entry["path"]) for entry in entries}
    print(f"{len(entries)} responses of {len(reached & operations)} of {len(operations)} operations")
    for role in dict.fromkeys(entry["role"] for entry in entries):
        counts = Counter(entry["status"] for entry in entries if entry["role"] == role)
        print(f"  {role}:", dict(sorted(counts.items())))
    answers: dict[tuple[str, str, str], set[int]] = {}
    for entry in entries:
        answers.setdefault((entry["role"], entry["method"], entry["path"]), set()).add(entry["status"])
    refused = Counter(role for (role, _, _), statuses in answers.items() if statuses <= {401, 403})
    print("  operations that were only refused:", dict(refused))
    for role, method, path in sorted(
        key for key, statuses in answers.items() if statuses <= {401} and key[0] == "admin"
    ):
        if "/scim/" not in path:
            print(f"  only refused to an {role}istrator: {method} {path}")
    answered = {(e["method"].upper(), e["path"]) for e in entries if e["status"] < 400}
    print(f"  {len(answered & operations)} operations have carried out a request")
    faults = [entry for entry in entries if is_fault(entry)]
    grouped = Counter((entry["status"], entry["method"], entry["path"], entry["leak"][:40]) for entry in faults)
    for (status, method, path, leak), count in sorted(grouped.items()):
        example = next(
            entry for entry in faults if (entry["status"], entry["method"], entry["path"]) == (status, method, path)
        )
        print(f"{status} {method} {path} ({count}) {leak}\n    {example['role']}: {example['body'][:600]}")
        print(f"    {example['text']}")
    missing = [] if only else sorted(operations - reached)
    for method, path in missing:
        print(f"not reached: {method} {path}")
    return len(faults) + len(missing)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--schemathesis", default="st", help="the command of schemathesis")
    parser.add_argument("--examples", type=int, default=20, help="requests for each operation and phase")
    parser.add_argument("--phases", default="examples,coverage,fuzzing", help="phases of schemathesis")
    parser.add_argument("--seconds", type=int, default=1800, help="time limit of a pass; what was tested counts")
    parser.add_argument("--database", choices=["sqlite", "postgres"], default="sqlite")
    parser.add_argument("--role", default="", help="passes of this role only")
    parser.add_argument("--only", default="", help="regular expression of paths")
    options = parser.parse_args()
    entries: list[dict[str, Any]] = []
    operations: set[tuple[str, str]] = set()
    tracebacks = ""
    with run_demo_server() as upstream:
        for step in list_passes(options.only):
            if options.role and step.role != options.role:
                continue
            with (
                tempfile.TemporaryDirectory(prefix="schema-fuzz-") as name,
                create_database(options.database) as database,
            ):
                directory, port = Path(name), find_free_port()
                env = servers.make_environment(upstream, directory / "data", port) | database
                env |= {"ENABLE_OLLAMA_API": "true", "OLLAMA_BASE_URLS": upstream}
                env |= {**dict.fromkeys(_FEATURES, "true"), "SCIM_TOKEN": SCIM_TOKEN}
                command = [sys.executable, "-m", "fastback", "serve"]
                with servers.run_server("Fastback", command, env, port) as running:
                    operations |= list_operations(running)
                    entries += run_schemathesis(step, running, directory, options)
                log = (directory / "fastback.log").read_text(encoding="utf-8")
                print(step, len(entries), log.count("Traceback"), flush=True)
                tracebacks += log[max(log.index("Traceback") - 500, 0) :][:20_000] if "Traceback" in log else ""
    print(tracebacks)
    return 1 if report(entries, operations, options.only) or tracebacks else 0


if __name__ == "__main__":
    sys.exit(main())
