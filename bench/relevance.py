"""`python -m bench.relevance [--reference PATH] [--keep FILE]`: how often each program finds the right passage.

Query both programs over HTTP, with the same model, on a knowledge of the chapters in `tests/unseen_questions.py`. Run
it in the root of the repository; no times are measured.
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

from tests import relevance_figures, unseen_questions

from bench import servers
from bench.servers import PASSWORD, Running, call_json, run_server
from fastback import REFERENCE_VERSION
from fastback.demo.process import find_free_port
from fastback.retrieval.embedding import models

PASSAGES = 5
#: For each way of searching: whether the setting for hybrid search is on, and the fields of a query. By words alone is
#: a hybrid search in which words have all the weight. A query cannot turn the setting off: Open WebUI then still
#: searches by both, and returns three passages.
WAYS: dict[str, tuple[bool, dict[str, Any]]] = {
    "vectors alone": (False, {}),
    "words alone": (True, {"hybrid": True, "hybrid_bm25_weight": 1.0}),
    "both, as delivered": (True, {"hybrid": True}),
}
RanksByWay = dict[str, dict[str, int]]


def make_environment(data: Path, port: int, model: Path) -> dict[str, str]:
    return servers.make_environment("http://127.0.0.1:9", data, port) | {
        "ENABLE_OPENAI_API": "false",
        "RAG_EMBEDDING_MODEL": str(model),
        "OFFLINE_MODE": "true",
        "HF_HUB_OFFLINE": "1",
        "ENV": "prod",
    }


def upload_chapter(running: Running, name: str, text: str) -> str:
    """Upload a chapter, wait until it is processed, and return its id."""
    boundary = uuid.uuid4().hex
    disposition = f'content-disposition: form-data; name="file"; filename="{name}.txt"'
    head = f"--{boundary}\r\n{disposition}\r\ncontent-type: text/plain"
    body = f"{head}\r\n\r\n{text}\r\n--{boundary}--\r\n".encode()
    headers = {"authorization": f"Bearer {running.token}", "content-type": f"multipart/form-data; boundary={boundary}"}
    request = urllib.request.Request(f"{running.url}/api/v1/files/", body, headers)
    with urllib.request.urlopen(request, timeout=120) as response:
        file_id: str = json.loads(response.read())["id"]
    while True:
        status = call_json(f"{running.url}/api/v1/files/{file_id}/process/status", token=running.token)["status"]
        if status == "completed":
            return file_id
        if status == "failed":
            raise RuntimeError(f"processing {name} failed")
        time.sleep(0.1)


def create_knowledge(running: Running) -> str:
    """Create a knowledge of all chapters, and return its id."""
    form = {"name": "Manual", "description": "The language reference"}
    knowledge: str = call_json(f"{running.url}/api/v1/knowledge/create", form, running.token)["id"]
    for name, text in unseen_questions.read_chapters().items():
        file_form = {"file_id": upload_chapter(running, name, text)}
        call_json(f"{running.url}/api/v1/knowledge/{knowledge}/file/add", file_form, running.token, patience=300)
    return knowledge


def search_passages(running: Running, knowledge: str, way: str, count: int) -> dict[str, list[str]]:
    """Return the passages for each question, best first."""
    setting, query = WAYS[way]
    settings = {"ENABLE_RAG_HYBRID_SEARCH": setting, "TOP_K": count, "TOP_K_RERANKER": count}
    call_json(f"{running.url}/api/v1/retrieval/config/update", settings, running.token)
    passages: dict[str, list[str]] = {}
    for question in (question for questions in unseen_questions.QUESTIONS.values() for question in questions):
        search = {"collection_names": [knowledge], "query": question, "k": count, "k_reranker": count, **query}
        answer = call_json(f"{running.url}/api/v1/retrieval/query/collection", search, running.token, patience=300)
        passages[question] = (answer["documents"] or [[]])[0]
    if (largest := max(map(len, passages.values()))) != count:
        raise RuntimeError(f"{running.name} returned {largest} passages by {way}, not {count}")
    return passages


def join_by_ranks(lists: Iterable[Sequence[str]]) -> list[str]:
    """Join lists by reciprocal ranks with equal weights, as LangChain's ensemble does."""
    scores: dict[str, float] = {}
    for passages in lists:
        for rank, text in enumerate(passages, 1):
            scores[text] = scores.get(text, 0.0) + 1 / (60 + rank)
    return sorted(scores, key=scores.__getitem__, reverse=True)


def rank_answers(running: Running) -> RanksByWay:
    """Return the rank of the first answer to each question, for each way of searching and for lists joined by ranks."""
    body = {"name": "Bench", "email": "bench@example.com", "password": PASSWORD}
    running.token = call_json(f"{running.url}/api/v1/auths/signup", body)["token"]
    knowledge = create_knowledge(running)
    ranks_by_way: RanksByWay = {}
    for way in WAYS:
        results = search_passages(running, knowledge, way, PASSAGES)
        ranks_by_way[way] = {
            question: unseen_questions.find_rank(question, passages) for question, passages in results.items()
        }
        print(
            running.name,
            way,
            relevance_figures.compute_figures(ranks_by_way[way], unseen_questions.QUESTIONS),
            flush=True,
        )
    for count in (PASSAGES, 4 * PASSAGES):
        by_vectors, by_words = (
            search_passages(running, knowledge, way, count) for way in ("vectors alone", "words alone")
        )
        joined = {
            question: join_by_ranks([by_vectors[question], by_words[question]])[:PASSAGES] for question in by_vectors
        }
        ranks = {question: unseen_questions.find_rank(question, passages) for question, passages in joined.items()}
        ranks_by_way[f"{count} of each, joined by ranks"] = ranks
    return ranks_by_way


def measure_program(name: str, command: list[str], work: Path, model: Path) -> RanksByWay:
    port, data = find_free_port(), work / name.replace(" ", "-").lower()
    env = make_environment(data, port, model)
    with run_server(name, [*command, "serve", "--host", "127.0.0.1", "--port", str(port)], env, port) as running:
        return rank_answers(running)


def format_markdown(programs: Mapping[str, RanksByWay]) -> str:
    """Return a table of all figures."""
    lines = [
        f"| program | search | recall | MRR | {' | '.join(unseen_questions.QUESTIONS)} |",
        f"|---|---|{'--:|' * 5}",
    ]
    for program, ranks_by_way in programs.items():
        for way, ranks in ranks_by_way.items():
            recall, reciprocal, answered = relevance_figures.compute_figures(ranks, unseen_questions.QUESTIONS)
            kinds = " | ".join(
                f"{answered[kind]} of {len(questions)}" for kind, questions in unseen_questions.QUESTIONS.items()
            )
            lines.append(f"| {program} | {way} | {recall:.3f} | {reciprocal:.3f} | {kinds} |")
    return "\n".join(lines)


def format_comparisons(programs: Mapping[str, RanksByWay]) -> list[str]:
    """Compare each way of a program with its search by both, and both programs as delivered."""
    both = "both, as delivered"
    pairs = [
        ((name, both), (name, way)) for name, ranks_by_way in programs.items() for way in ranks_by_way if way != both
    ]
    pairs += [((first, both), (second, both)) for first, second in zip(programs, list(programs)[1:], strict=False)]
    lines = []
    for (first, way), (second, second_way) in pairs:
        wins, losses, chance = relevance_figures.compare_ranks(programs[first][way], programs[second][second_way])
        lines.append(f"{first}, {way}, beside {second}, {second_way}: +{len(wins)} −{len(losses)}, p = {chance:.3g}")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.relevance")
    parser.add_argument("--reference", default=os.environ.get("FASTBACK_REFERENCE"), help="the open-webui executable")
    parser.add_argument("--keep", type=Path, help="a file for the rank of each answer, as JSON")
    arguments = parser.parse_args()
    model = models.find_model(models.DEFAULT_MODEL)
    if model is None:
        sys.exit("the model is missing: `fastback models fetch`")
    with tempfile.TemporaryDirectory() as work:
        programs = {"Fastback": measure_program("Fastback", [sys.executable, "-m", "fastback"], Path(work), model)}
        if arguments.reference:
            name = f"Open WebUI {REFERENCE_VERSION}"
            programs[name] = measure_program("Open WebUI", [arguments.reference], Path(work), model)
    if arguments.keep:
        arguments.keep.write_text(json.dumps(programs, indent=1))
    print(format_markdown(programs), *format_comparisons(programs), sep="\n")


if __name__ == "__main__":
    main()
