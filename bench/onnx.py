"""`python -m bench.onnx [--chunks N]`: embedding with numpy and with onnxruntime, side by side.

Embeds N chunks (1,000) of a thousand characters of Python's own documentation with all-MiniLM-L6-v2, as the worker does
while documents go in: eight texts a job, in one thread. Both take turns, so that what else the machine does meets both;
times are those of the processor. Needs the packages onnx and onnxruntime: the model comes without a graph, and gets
one made of its weights.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from pydoc_data.topics import topics

import numpy as np
from tests import onnx_models

from bench.machine import machine
from fastback.retrieval.embedding import models
from fastback.retrieval.embedding.local import ENVIRONMENT
from fastback.retrieval.embedding.sentence_encoder import SentenceEncoder

#: Texts of a job, and chunks after which the other has its turn.
_JOB, _TURN = 8, 40
_MEMORY = """
import sys
from pathlib import Path
from fastback.retrieval.embedding.sentence_encoder import SentenceModel
model = SentenceModel(Path(sys.argv[1]))
model(["word " * 300] * 8, "", urgent=False)
print(next(line for line in open("/proc/self/status") if line.startswith("VmRSS")).split()[1])
"""


def _chunks(count: int) -> list[str]:
    text = "\n\n".join(topics[name] for name in sorted(topics))
    step = (len(text) - 1000) // count
    return [text[place * step : place * step + 1000] for place in range(count)]


def _memory(directory: Path) -> int:
    """Return the memory of a process that has embedded a few texts, in MB."""
    command = [sys.executable, "-c", _MEMORY, str(directory)]
    return int(subprocess.run(command, capture_output=True, check=True, text=True).stdout) // 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chunks", type=int, default=1000)
    if any(os.environ.get(name) != value for name, value in ENVIRONMENT.items()):  # numpy reads it when it is imported
        os.execve(sys.executable, [sys.executable, "-m", "bench.onnx", *sys.argv[1:]], {**os.environ, **ENVIRONMENT})
    chunks = _chunks(parser.parse_args().chunks)
    plain = models.fetch_model(models.DEFAULT_MODEL)
    with tempfile.TemporaryDirectory() as name:
        graph = Path(name) / "model"
        shutil.copytree(plain, graph)
        onnx_models.make(graph)
        directories = {"numpy": plain, "onnxruntime": graph}
        made = {name: SentenceEncoder(directory) for name, directory in directories.items()}
        seconds = dict.fromkeys(made, 0.0)
        apart = 0.0
        for start in range(0, len(chunks), _TURN):
            vectors = {}
            for name in list(made) if start // _TURN % 2 else reversed(made):
                since = time.process_time()
                vectors[name] = b"".join(
                    vector
                    for place in range(start, min(start + _TURN, len(chunks)), _JOB)
                    for vector in made[name](chunks[place : place + _JOB], "", urgent=False)
                )
                seconds[name] += time.process_time() - since
            numbers = [np.frombuffer(found, "<f4") for found in vectors.values()]
            apart = max(apart, float(np.abs(numbers[0] - numbers[1]).max()))
        print(f"{machine()}. {len(chunks)} chunks, vectors differ by {apart:.1e} at most.")
        for name, directory in directories.items():
            print(f"{name}: {seconds[name] * 1000 / len(chunks):.0f} ms a chunk, {_memory(directory)} MB")


if __name__ == "__main__":
    main()
