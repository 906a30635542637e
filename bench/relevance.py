"""`python -m bench.relevance [--reference PATH] [--keep FILE]`: how often either program finds the right passage.

Both are asked over HTTP, with the same model, about one knowledge of the chapters in `tests/unseen_questions.py`. From
the root of the repository; nothing is timed.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
import urllib.request
import uuid
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests import relevance_figures as judging
from tests import unseen_questions as unseen

from bench import servers
from bench.servers import PASSWORD, Running, call, process
from fastback import REFERENCE_VERSION
from fastback.demo.process import find_free_port
from fastback.retrieval.embedding import models

WANTED = 5
#: Whether the setting for both is on, and what each way is asked with. By words alone means: by both, where words count
#: for everything. A question may not turn the setting off: Open WebUI searches by both all the same, and shows three.
WAYS: dict[str, tuple[bool, dict[str, Any]]] = {
    "vectors alone": (False, {}),
    "words alone": (True, {"hybrid": True, "hybrid_bm25_weight": 1.0}),
    "both, as delivered": (True, {"hybrid": True}),
}
Found = dict[str, dict[str, int]]


def environment(data: Path, port: int, model: Path) -> dict[str, str]:
    return servers.environment("http://127.0.0.1:9", data, port) | {
        "ENABLE_OPENAI_API": "false",
        "RAG_EMBEDDING_MODEL": str(model),
        "OFFLINE_MODE": "true",
        "HF_HUB_OFFLINE": "1",
        "ENV": "prod",
    }


def upload(running: Running, name: str, text: str) -> str:
    """Upload a chapter, and wait until it was read; its id."""
    mark = uuid.uuid4().hex
    head = f'--{mark}\r\ncontent-disposition: form-data; name="file"; filename="{name}.txt"\r\ncontent-type: text/plain'
    body = f"{head}\r\n\r\n{text}\r\n--{mark}--\r\n".encode()
    headers = {"authorization": f"Bearer {running.token}", "content-type": f"multipart/form-data; boundary={mark}"}
    request = urllib.request.Request(f"{running.url}/api/v1/files/", body, headers)
    with urllib.request.urlopen(request, timeout=120) as response:
        file_id: str = json.loads(response.read())["id"]
    while True:
        status = call(f"{running.url}/api/v1/files/{file_id}/process/status", token=running.token)["status"]
        if status == "completed":
            return file_id
        if status == "failed":
            raise RuntimeError(f"{name} was not read")
        time.sleep(0.1)


def fill(running: Running) -> str:
    """A knowledge of all chapters; its id."""
    about = {"name": "Manual", "description": "The language reference"}
    knowledge: str = call(f"{running.url}/api/v1/knowledge/create", about, running.token)["id"]
    for name, text in unseen.chapters().items():
        added = {"file_id": upload(running, name, text)}
        call(f"{running.url}/api/v1/knowledge/{knowledge}/file/add", added, running.token, patience=300)
    return knowledge


def found_by(running: Running, knowledge: str, way: str, count: int) -> dict[str, list[str]]:
    """The passages that are found for each question, best first."""
    setting, how = WAYS[way]
    settings = {"ENABLE_RAG_HYBRID_SEARCH": setting, "TOP_K": count, "TOP_K_RERANKER": count}
    call(f"{running.url}/api/v1/retrieval/config/update", settings, running.token)
    found: dict[str, list[str]] = {}
    for question in (one for several in unseen.ASKED.values() for one in several):
        search = {"collection_names": [knowledge], "query": question, "k": count, "k_reranker": count, **how}
        answer = call(f"{running.url}/api/v1/retrieval/query/collection", search, running.token, patience=300)
        found[question] = (answer["documents"] or [[]])[0]
    if (most := max(map(len, found.values()))) != count:
        raise RuntimeError(f"{running.name} showed {most} passages by {way}, not {count}")
    return found


def by_ranks(lists: Iterable[Sequence[str]]) -> list[str]:
    """Joined by reciprocal ranks, all lists counting the same, as the ensemble of LangChain does it."""
    worth: dict[str, float] = {}
    for one in lists:
        for rank, text in enumerate(one, 1):
            worth[text] = worth.get(text, 0.0) + 1 / (60 + rank)
    return sorted(worth, key=worth.__getitem__, reverse=True)


def asked(running: Running) -> Found:
    """The place of the first answer to each question, by way of searching; lists joined here by their ranks, too."""
    body = {"name": "Bench", "email": "bench@example.com", "password": PASSWORD}
    running.token = call(f"{running.url}/api/v1/auths/signup", body)["token"]
    knowledge = fill(running)
    found: Found = {}
    for way in WAYS:
        texts = found_by(running, knowledge, way, WANTED)
        found[way] = {one: unseen.place(one, several) for one, several in texts.items()}
        print(running.name, way, judging.figures(found[way], unseen.ASKED), flush=True)
    for count in (WANTED, 4 * WANTED):
        near, worded = (found_by(running, knowledge, way, count) for way in ("vectors alone", "words alone"))
        joined = {one: by_ranks([near[one], worded[one]])[:WANTED] for one in near}
        ranks = {one: unseen.place(one, several) for one, several in joined.items()}
        found[f"{count} of each, joined by ranks"] = ranks
    return found


def measured(name: str, command: list[str], work: Path, model: Path) -> Found:
    port, data = find_free_port(), work / name.replace(" ", "-").lower()
    env = environment(data, port, model)
    with process(name, [*command, "serve", "--host", "127.0.0.1", "--port", str(port)], env, port) as running:
        return asked(running)


def markdown(programs: Mapping[str, Found]) -> str:
    """A table of all figures, and how the programs differ."""
    lines = [f"| program | search | recall | MRR | {' | '.join(unseen.ASKED)} |", f"|---|---|{'--:|' * 5}"]
    for program, found in programs.items():
        for way, ranks in found.items():
            recall, reciprocal, answered = judging.figures(ranks, unseen.ASKED)
            kinds = " | ".join(f"{answered[kind]} of {len(asked)}" for kind, asked in unseen.ASKED.items())
            lines.append(f"| {program} | {way} | {recall:.3f} | {reciprocal:.3f} | {kinds} |")
    return "\n".join(lines)


def differences(programs: Mapping[str, Found]) -> list[str]:
    """Each way of each program beside that program's search by both, and both programs as delivered."""
    both = "both, as delivered"
    pairs = [((name, both), (name, way)) for name, found in programs.items() for way in found if way != both]
    pairs += [((one, both), (other, both)) for one, other in zip(programs, list(programs)[1:], strict=False)]
    lines = []
    for (one, way), (other, other_way) in pairs:
        wins, losses, chance = judging.compared(programs[one][way], programs[other][other_way])
        lines.append(f"{one}, {way}, beside {other}, {other_way}: +{len(wins)} −{len(losses)}, p = {chance:.3g}")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.relevance")
    parser.add_argument("--reference", default=os.environ.get("FASTBACK_REFERENCE"), help="the open-webui executable")
    parser.add_argument("--keep", type=Path, help="a file for the place of each answer, as JSON")
    arguments = parser.parse_args()
    model = models.find_model(models.DEFAULT_MODEL)
    if model is None:
        sys.exit("the model is not fetched: `fastback models fetch`")
    with tempfile.TemporaryDirectory() as work:
        programs = {"Fastback": measured("Fastback", [sys.executable, "-m", "fastback"], Path(work), model)}
        if arguments.reference:
            name = f"Open WebUI {REFERENCE_VERSION}"
            programs[name] = measured("Open WebUI", [arguments.reference], Path(work), model)
    if arguments.keep:
        arguments.keep.write_text(json.dumps(programs, indent=1))
    print(markdown(programs), *differences(programs), sep="\n")


if __name__ == "__main__":
    main()
