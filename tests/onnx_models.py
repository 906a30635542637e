"""ONNX files for embedding models that have none, built from their weights; needs the package `onnx`.

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


class GraphBuilder:
    """Collects the nodes and constants of a graph."""

    def __init__(self, weights: Any) -> None:
        from onnx import helper, numpy_helper

        self._helper, self._numpy = helper, numpy_helper
        self._weights = weights
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def add_constant(self, value: Any) -> str:
        name = f"c{len(self.constants)}"
        self.constants.append(self._numpy.from_array(np.ascontiguousarray(value), name))
        return name

    def add(self, kind: str, *inputs: str, **attributes: Any) -> str:
        name = f"n{len(self.nodes)}"
        self.nodes.append(self._helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def add_linear(self, x: str, name: str) -> str:
        weight, bias = self._weights[f"{name}.weight"], self._weights[f"{name}.bias"]
        return self.add("Add", self.add("MatMul", x, self.add_constant(weight.T)), self.add_constant(bias))

    def add_norm(self, x: str, name: str, epsilon: float) -> str:
        scale, bias = self._weights[f"{name}.weight"], self._weights[f"{name}.bias"]
        return self.add(
            "LayerNormalization", x, self.add_constant(scale), self.add_constant(bias), axis=-1, epsilon=epsilon
        )


def add_onnx_file(directory: Path) -> Path:
    """Add an ONNX file to a model of type BERT. Return the path of the file."""
    import onnx
    from onnx import TensorProto, helper

    config = json.loads((directory / "config.json").read_text())
    weights = safetensors.load(directory / "model.safetensors")
    heads, width, epsilon = config["num_attention_heads"], config["hidden_size"], config["layer_norm_eps"]
    graph = GraphBuilder(weights)
    length = graph.add("Shape", "input_ids", start=1, end=2)
    first = graph.add_constant(np.array([0], np.int64))
    positions = graph.add_constant(weights["embeddings.position_embeddings.weight"])
    x = graph.add(
        "Add",
        graph.add(
            "Add",
            graph.add("Gather", graph.add_constant(weights["embeddings.word_embeddings.weight"]), "input_ids"),
            graph.add(
                "Gather", graph.add_constant(weights["embeddings.token_type_embeddings.weight"]), "token_type_ids"
            ),
        ),
        graph.add("Slice", positions, first, length, first),
    )
    x = graph.add_norm(x, "embeddings.LayerNorm", epsilon)
    mask = graph.add("Unsqueeze", "attention_mask", graph.add_constant(np.array([1, 2], np.int64)))
    mask = graph.add("Sub", graph.add_constant(np.float32(1)), graph.add("Cast", mask, to=TensorProto.FLOAT))
    mask = graph.add("Mul", mask, graph.add_constant(np.float32(-1e4)))
    split = graph.add_constant(np.array([0, 0, heads, width // heads], np.int64))
    joined = graph.add_constant(np.array([0, 0, width], np.int64))
    scale = graph.add_constant(np.float32(1 / math.sqrt(width // heads)))
    for number in range(config["num_hidden_layers"]):
        layer = f"encoder.layer.{number}."

        def by_head(name: str, order: list[int], x: str = x, layer: str = layer) -> str:
            return graph.add(
                "Transpose",
                graph.add("Reshape", graph.add_linear(x, f"{layer}attention.self.{name}"), split),
                perm=order,
            )

        scores = graph.add("MatMul", by_head("query", [0, 2, 1, 3]), by_head("key", [0, 2, 3, 1]))
        scores = graph.add("Softmax", graph.add("Add", graph.add("Mul", scores, scale), mask), axis=-1)
        mixed = graph.add("MatMul", scores, by_head("value", [0, 2, 1, 3]))
        mixed = graph.add("Reshape", graph.add("Transpose", mixed, perm=[0, 2, 1, 3]), joined)
        mixed = graph.add("Add", graph.add_linear(mixed, f"{layer}attention.output.dense"), x)
        mixed = graph.add_norm(mixed, f"{layer}attention.output.LayerNorm", epsilon)
        inner = graph.add("Gelu", graph.add_linear(mixed, f"{layer}intermediate.dense"))
        x = graph.add("Add", graph.add_linear(inner, f"{layer}output.dense"), mixed)
        x = graph.add_norm(x, f"{layer}output.LayerNorm", epsilon)
    graph.nodes.append(helper.make_node("Identity", [x], ["last_hidden_state"]))
    batch = ["batch", "length"]
    inputs = [
        helper.make_tensor_value_info(name, TensorProto.INT64, batch)
        for name in ("input_ids", "attention_mask", "token_type_ids")
    ]
    outputs = [helper.make_tensor_value_info("last_hidden_state", TensorProto.FLOAT, [*batch, width])]
    model_graph = helper.make_graph(graph.nodes, "bert", inputs, outputs, graph.constants)
    path = directory / "onnx" / "model.onnx"
    path.parent.mkdir(exist_ok=True)
    onnx.save(helper.make_model(model_graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9), path)
    return path


if __name__ == "__main__":
    print(add_onnx_file(Path(sys.argv[1])))
