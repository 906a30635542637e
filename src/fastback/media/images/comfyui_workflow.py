"""Workflows of ComfyUI in its API format: an object of nodes by id, each with `class_type` and `inputs`."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import msgspec

from fastback.kit.json_decoding import decode_json
from fastback.media.images.engine_requests import ImageEngineError

Json = dict[str, Any]

#: The largest seed that ComfyUI's nodes take from its page.
_MAX_SEED = 1_125_899_906_842_624
#: By what a node is for: the input that is set where the settings name none.
_DEFAULT_INPUTS = {
    "prompt": "text",
    "negative_prompt": "text",
    "width": "width",
    "height": "height",
    "n": "batch_size",
    "steps": "steps",
}


class WorkflowInputs(msgspec.Struct, kw_only=True):
    """What is put into a workflow; it keeps its own value where one is None."""

    prompt: str
    model: str | None = None
    negative_prompt: str | None = None
    width: int | None = None
    height: int | None = None
    n: int | None = None
    steps: int | None = None
    #: The names of uploaded pictures, one for each node.
    image: list[str] | None = None


def fill_workflow(text: str, nodes: Sequence[Any], inputs: WorkflowInputs) -> Json:
    """Return a workflow with the inputs in the nodes that the settings name: `{type, node_ids, key, value}` each.

    A node without a type gets its own `value`.

    Raises:
        ImageEngineError: the workflow is no JSON object, or lacks a node.
    """
    try:
        workflow = decode_json(text)
    except msgspec.DecodeError as error:
        raise ImageEngineError("The workflow is not valid JSON") from error
    if not isinstance(workflow, dict):
        raise ImageEngineError("The workflow is not valid JSON")
    for node in nodes:
        if isinstance(node, dict):
            _fill_node(workflow, node, inputs)
    return workflow


def _fill_node(workflow: Json, node: Json, inputs: WorkflowInputs) -> None:
    kind, key = node.get("type"), node.get("key")
    node_ids = node.get("node_ids")
    for position, node_id in enumerate(node_ids if isinstance(node_ids, list) else []):
        value = _find_value(kind, node, inputs, position)
        if value is None and kind:
            continue
        entry = workflow.get(str(node_id))
        fields = entry.get("inputs") if isinstance(entry, dict) else None
        if not isinstance(fields, dict):
            raise ImageEngineError(f"The workflow has no node {node_id}")
        fields[str(key or _DEFAULT_INPUTS.get(str(kind), "text"))] = value


def _find_value(kind: Any, node: Json, inputs: WorkflowInputs, position: int) -> Any:
    """Return what goes into a node, which is at a position among the nodes of its type; None to change nothing."""
    if not kind:
        return node.get("value")
    if kind == "seed":
        return random.randint(0, _MAX_SEED)
    if kind == "image":
        images = inputs.image or []
        return images[position] if position < len(images) else None
    return getattr(inputs, kind, None) if kind in inputs.__struct_fields__ else None


def list_output_images(workflow: Json, outputs: Any) -> list[Json]:
    """Return the files that the nodes of a workflow have shown or saved: `{filename, subfolder, type}` each."""
    images: list[Json] = []
    for node_id, output in outputs.items() if isinstance(outputs, dict) else ():
        node = workflow.get(node_id)
        if not isinstance(node, dict) or node.get("class_type") not in (
            "SaveImage",
            "SaveImageAdvanced",
            "PreviewImage",
        ):
            continue
        entries = output.get("images") if isinstance(output, dict) else None
        images += [image for image in entries if isinstance(image, dict)] if isinstance(entries, list) else []
    return images
