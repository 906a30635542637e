"""`python -m bench.onnx [--chunks N]`: compare embedding by numpy and by onnxruntime.

Embed N chunks (1,000) of a thousand characters of Python's documentation with all-MiniLM-L6-v2, in the way in which the
worker embeds documents: eight texts per job, in one thread. Both engines take turns, so that other load on the machine
affects both; times are CPU times. The packages onnx and onnxruntime are needed: the model has no ONNX graph, so a graph
is built from its weights.
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

from bench.machine import describe_machine
from fastback.retrieval.embedding import models
from fastback.retrieval.embedding.local import ENVIRONMENT
from fastback.retrieval.embedding.sentence_encoder import SentenceEncoder

#: Texts of a job, and chunks of a turn.
_TEXTS_PER_JOB, _CHUNKS_PER_TURN = 8, 40
_MEMORY_SCRIPT = """
import sys
from pathlib import Path
from fastback.retrieval.embedding.sentence_encoder import SentenceModel
model = SentenceModel(Path(sys.argv[1]))
model(["word " * 300] * 8, "", urgent=False)
print(next(line for line in open("/proc/self/status") if line.startswith("VmRSS")).split()[1])
"""


def _split_documentation(count: int) -> list[str]:
    text = "\n\n".join(topics[name] for name in sorted(topics))
    step = (len(text) - 1000) // count
    return [text[number * step : number * step + 1000] for number in range(count)]


def _measure_memory(directory: Path) -> int:
    """Return the memory of a process that has embedded a few texts, in MB."""
    command = [sys.executable, "-c", _MEMORY_SCRIPT, str(directory)]
    return int(subprocess.run(command, capture_output=True, check=True, text=True).stdout) // 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chunks", type=int, default=1000)
    if any(
        os.environ.get(name) != value for name, value in ENVIRONMENT.items()
    ):  # numpy reads these variables on import
        os.execve(sys.executable, [sys.executable, "-m", "bench.onnx", *sys.argv[1:]], {**os.environ, **ENVIRONMENT})
    chunks = _split_documentation(parser.parse_args().chunks)
    plain = models.fetch_model(models.DEFAULT_MODEL)
    with tempfile.TemporaryDirectory() as name:
        graph = Path(name) / "model"
        shutil.copytree(plain, graph)
        onnx_models.add_onnx_file(graph)
        directories = {"numpy": plain, "onnxruntime": graph}
        encoders = {name: SentenceEncoder(directory) for name, directory in directories.items()}
        seconds = dict.fromkeys(encoders, 0.0)
        difference = 0.0
        for start in range(0, len(chunks), _CHUNKS_PER_TURN):
            vectors = {}
            for name in list(encoders) if start // _CHUNKS_PER_TURN % 2 else reversed(encoders):
                started = time.process_time()
                vectors[name] = b"".join(
                    vector
                    for position in range(start, min(start + _CHUNKS_PER_TURN, len(chunks)), _TEXTS_PER_JOB)
                    for vector in encoders[name](chunks[position : position + _TEXTS_PER_JOB], "", urgent=False)
                )
                seconds[name] += time.process_time() - started
            numbers = [np.frombuffer(buffer, "<f4") for buffer in vectors.values()]
            difference = max(difference, float(np.abs(numbers[0] - numbers[1]).max()))
        print(f"{describe_machine()}. {len(chunks)} chunks, vectors differ by {difference:.1e} at most.")
        for name, directory in directories.items():
            print(f"{name}: {seconds[name] * 1000 / len(chunks):.0f} ms a chunk, {_measure_memory(directory)} MB")


if __name__ == "__main__":
    main()
