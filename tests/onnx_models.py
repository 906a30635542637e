"""ONNX files for embedding models that come without one, made of their weights; needs the package `onnx`.

`python tests/onnx_models.py DIRECTORY` adds the file to a model.
"""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import Any

import numpy as np

from fastback.retrieval.embedding import safetensors


class Graph:
    """Collects the steps of a graph."""

    def __init__(self, weights: Any) -> None:
        from onnx import helper, numpy_helper

        self._helper, self._numpy = helper, numpy_helper
        self._weights = weights
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def constant(self, value: Any) -> str:
        name = f"c{len(self.constants)}"
        self.constants.append(self._numpy.from_array(np.ascontiguousarray(value), name))
        return name

    def add(self, kind: str, *inputs: str, **attributes: Any) -> str:
        name = f"n{len(self.nodes)}"
        self.nodes.append(self._helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def linear(self, x: str, name: str) -> str:
        weight, bias = self._weights[f"{name}.weight"], self._weights[f"{name}.bias"]
        return self.add("Add", self.add("MatMul", x, self.constant(weight.T)), self.constant(bias))

    def norm(self, x: str, name: str, epsilon: float) -> str:
        scale, bias = self._weights[f"{name}.weight"], self._weights[f"{name}.bias"]
        return self.add("LayerNormalization", x, self.constant(scale), self.constant(bias), axis=-1, epsilon=epsilon)


def add_onnx_file(directory: Path) -> Path:
    """Add the file to a model of type BERT. Return its path."""
    import onnx
    from onnx import TensorProto, helper

    config = json.loads((directory / "config.json").read_text())
    weights = safetensors.load(directory / "model.safetensors")
    heads, width, epsilon = config["num_attention_heads"], config["hidden_size"], config["layer_norm_eps"]
    graph = Graph(weights)
    length = graph.add("Shape", "input_ids", start=1, end=2)
    first = graph.constant(np.array([0], np.int64))
    positions = graph.constant(weights["embeddings.position_embeddings.weight"])
    x = graph.add(
        "Add",
        graph.add(
            "Add",
            graph.add("Gather", graph.constant(weights["embeddings.word_embeddings.weight"]), "input_ids"),
            graph.add("Gather", graph.constant(weights["embeddings.token_type_embeddings.weight"]), "token_type_ids"),
        ),
        graph.add("Slice", positions, first, length, first),
    )
    x = graph.norm(x, "embeddings.LayerNorm", epsilon)
    mask = graph.add("Unsqueeze", "attention_mask", graph.constant(np.array([1, 2], np.int64)))
    mask = graph.add("Sub", graph.constant(np.float32(1)), graph.add("Cast", mask, to=TensorProto.FLOAT))
    mask = graph.add("Mul", mask, graph.constant(np.float32(-1e4)))
    split = graph.constant(np.array([0, 0, heads, width // heads], np.int64))
    joined = graph.constant(np.array([0, 0, width], np.int64))
    scale = graph.constant(np.float32(1 / math.sqrt(width // heads)))
    for number in range(config["num_hidden_layers"]):
        layer = f"encoder.layer.{number}."

        def by_head(name: str, order: list[int], x: str = x, layer: str = layer) -> str:
            return graph.add(
                "Transpose", graph.add("Reshape", graph.linear(x, f"{layer}attention.self.{name}"), split), perm=order
            )

        scores = graph.add("MatMul", by_head("query", [0, 2, 1, 3]), by_head("key", [0, 2, 3, 1]))
        scores = graph.add("Softmax", graph.add("Add", graph.add("Mul", scores, scale), mask), axis=-1)
        mixed = graph.add("MatMul", scores, by_head("value", [0, 2, 1, 3]))
        mixed = graph.add("Reshape", graph.add("Transpose", mixed, perm=[0, 2, 1, 3]), joined)
        mixed = graph.add("Add", graph.linear(mixed, f"{layer}attention.output.dense"), x)
        mixed = graph.norm(mixed, f"{layer}attention.output.LayerNorm", epsilon)
        inner = graph.add("Gelu", graph.linear(mixed, f"{layer}intermediate.dense"))
        x = graph.add("Add", graph.linear(inner, f"{layer}output.dense"), mixed)
        x = graph.norm(x, f"{layer}output.LayerNorm", epsilon)
    graph.nodes.append(helper.make_node("Identity", [x], ["last_hidden_state"]))
    batch = ["batch", "length"]
    inputs = [
        helper.make_tensor_value_info(name, TensorProto.INT64, batch)
        for name in ("input_ids", "attention_mask", "token_type_ids")
    ]
    outputs = [helper.make_tensor_value_info("last_hidden_state", TensorProto.FLOAT, [*batch, width])]
    whole = helper.make_graph(graph.nodes, "bert", inputs, outputs, graph.constants)
    path = directory / "onnx" / "model.onnx"
    path.parent.mkdir(exist_ok=True)
    onnx.save(helper.make_model(whole, opset_imports=[helper.make_opsetid("", 20)], ir_version=9), path)
    return path


if __name__ == "__main__":
    print(add_onnx_file(Path(sys.argv[1])))
