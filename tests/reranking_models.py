"""Small generated cross-encoders, and the scores that sentence-transformers computes with them.

`python tests/reranking_models.py [DIRECTORY]`, run by a Python that has sentence-transformers, records the scores
again: those of the small models, and those of the model all-MiniLM-L6-v2 in DIRECTORY with a generated head.
"""

from __future__ import annotations

import json
import math
import struct
import sys
import tempfile
from pathlib import Path
from typing import Any

import embedding_models
from embedding_models import WIDTH

RECORDED = Path(__file__).parent / "data" / "reranking-scores.json"
QUERIES = ["What is the quick fox?", "the dog of a lazy fox . " * 6, ""]
TEXTS = [
    "the quick brown fox jumps over the lazy dog",
    "The Dog.",
    "",
    "  over   dog\n\nfox  ",
    "fox jump " * 40,
    "dog " * 600,
    "unknown wörds ÉTÉ 東京 🚀",
    "[CLS] fox [SEP] dog [PAD] a b c",
    "<s> fox</s> dog<pad> a b c <mask>",
    "brown what is of the . , a b c jumps lazy",
]
#: The models with an activation of their own name it in the place where one version of sentence-transformers looks.
KINDS = ["bert", "bert-identity", "bert-old", "bert-saved", "bert-plain-tokens", "xlm-roberta", "roberta-kinds"]
_PIECES = "▁the ▁quick ▁brown ▁fox ▁jump ▁over ▁la ▁dog ▁what ▁is ▁of s zy a b c ▁ . f o T"
_CURVE = "torch.nn.modules.linear.Identity"


def make_model(kind: str, directory: Path, scores: int = 1) -> None:
    """Write a model of a kind that gives this number of scores for a pair."""
    roberta = "roberta" in kind
    embedding_models.make_model("roberta" if roberta else "bert-plain", directory)
    for name in ("modules.json", "sentence_bert_config.json", "config_sentence_transformers.json"):
        (directory / name).unlink(missing_ok=True)
    config = _read_json(directory / "config.json")
    config["architectures"] = ["XLMRobertaForSequenceClassification" if roberta else "BertForSequenceClassification"]
    config |= {"id2label": {"0": "LABEL_0"}, "label2id": {"LABEL_0": 0}}
    types = 1 if kind == "xlm-roberta" else 2
    config["type_vocab_size"] = types
    config["pad_token_id"] = 1 if kind == "xlm-roberta" else 0
    if kind == "bert-identity":
        config["sentence_transformers"] = {"activation_fn": _CURVE, "version": "4.0.1"}
    elif kind == "bert-old":
        config["sbert_ce_default_activation_function"] = _CURVE
    elif kind == "bert-saved":
        saved = {"activation_fn": "torch.nn.modules.activation.Tanh", "model_type": "CrossEncoder"}
        prompts = {"prompts": {"query": "quick fox: "}, "default_prompt_name": "query"}
        _write_json(directory / "config_sentence_transformers.json", {**saved, **prompts})
        step = {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.base.modules.transformer.Transformer"}
        _write_json(directory / "modules.json", [step])
        task: dict[str, Any] = {"transformer_task": "sequence-classification", "module_output_name": "scores"}
        task["modality_config"] = {"text": {"method": "forward", "method_output_name": "logits"}}
        _write_json(directory / "sentence_bert_config.json", {**task, "max_seq_length": 20, "do_lower_case": True})
    _write_json(directory / "config.json", config)
    tokenizer_config: dict[str, Any] = {
        **_read_json(directory / "tokenizer_config.json"),
        "tokenizer_class": "BertTokenizer",
    }
    if kind == "bert-plain-tokens":  # this class ignores the token types
        tokenizer_config |= {"tokenizer_class": "PreTrainedTokenizerFast", "truncation_side": "left"}
    elif kind == "roberta-kinds":
        tokenizer_config["tokenizer_class"] = "PreTrainedTokenizerFast"
        tokenizer_config["model_input_names"] = ["input_ids", "token_type_ids", "attention_mask"]
    elif kind == "xlm-roberta":
        tokenizer_config = {"model_max_length": 24, "tokenizer_class": "XLMRobertaTokenizer"}
    _write_json(directory / "tokenizer_config.json", tokenizer_config)
    _write_json(
        directory / "tokenizer.json",
        _build_piece_tokenizer() if kind == "xlm-roberta" else _build_word_tokenizer(directory),
    )
    inner, outer = ("classifier.dense", "classifier.out_proj") if roberta else ("bert.pooler.dense", "classifier")
    content = _set_token_types((directory / "model.safetensors").read_bytes(), types)
    head = {inner: (WIDTH, WIDTH), outer: (scores, WIDTH)}
    (directory / "model.safetensors").write_bytes(_add_head(content, "roberta." if roberta else "bert.", head))


def make_minilm(source: Path, directory: Path) -> None:
    """Write a cross-encoder that is based on the model all-MiniLM-L6-v2 in `source`."""
    directory.mkdir()
    for name in ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"):
        (directory / name).write_bytes((source / name).read_bytes())
    labels = {"id2label": {"0": "LABEL_0"}, "label2id": {"LABEL_0": 0}}
    config = {**_read_json(source / "config.json"), **labels, "architectures": ["BertForSequenceClassification"]}
    _write_json(directory / "config.json", config)
    content = (source / "model.safetensors").read_bytes()
    head = {"classifier": (1, int(config["hidden_size"]))}
    (directory / "model.safetensors").write_bytes(_add_head(content, "bert.", head))


def _build_word_tokenizer(directory: Path) -> dict[str, Any]:
    """Return the model's WordPiece tokenizer with a template for pairs."""
    tokenizer = _read_json(directory / "tokenizer.json")
    tokenizer["post_processor"]["pair"] = [
        {"SpecialToken": {"id": "[CLS]", "type_id": 0}},
        {"Sequence": {"id": "A", "type_id": 0}},
        {"SpecialToken": {"id": "[SEP]", "type_id": 0}},
        {"Sequence": {"id": "B", "type_id": 1}},
        {"SpecialToken": {"id": "[SEP]", "type_id": 1}},
    ]
    return tokenizer


def _build_piece_tokenizer() -> dict[str, Any]:
    """Return a tokenizer of word pieces with weights, like that of XLM-RoBERTa."""
    special = ["<s>", "<pad>", "</s>", "<unk>"]
    pieces = _PIECES.split()
    start, end = {"SpecialToken": {"id": "<s>", "type_id": 0}}, {"SpecialToken": {"id": "</s>", "type_id": 0}}
    first, second = {"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 0}}
    names = [*enumerate(special), (len(special) + len(pieces), "<mask>")]
    plain = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [{"id": number, "content": name, **plain} for number, name in names],
        "normalizer": None,
        "pre_tokenizer": {
            "type": "Sequence",
            "pretokenizers": [
                {"type": "WhitespaceSplit"},
                {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True},
            ],
        },
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [start, first, end],
            "pair": [start, first, end, end, second, end],
            "special_tokens": {
                name: {"id": name, "ids": [special.index(name)], "tokens": [name]} for name in ("<s>", "</s>")
            },
        },
        "decoder": None,
        "model": {
            "type": "Unigram",
            "unk_id": 3,
            "byte_fallback": False,
            "vocab": [
                *([name, 0.0] for name in special),
                *([piece, -1.0 - number / 8] for number, piece in enumerate(pieces)),
                ["<mask>", 0.0],
            ],
        },
    }


#: Tensors by name: data type, shape and bytes.
_Tensors = dict[str, tuple[str, list[int], bytes]]


def _set_token_types(content: bytes, types: int) -> bytes:
    """Return the weights with this number of token types, whose embeddings differ."""
    numbers = struct.pack(f"<{types * WIDTH}f", *(0.5 * math.sin(0.7 * n) for n in range(types * WIDTH)))
    return _pack_tensors(
        {**_unpack_tensors(content), "embeddings.token_type_embeddings.weight": ("F32", [types, WIDTH], numbers)}
    )


def _add_head(content: bytes, prefix: str, head: dict[str, tuple[int, int]]) -> bytes:
    """Return the weights of an encoder with a prefix before their names, and weights of a head.

    The weights of the head are a sine of their position.
    """
    tensors = {f"{prefix}{name}": tensor for name, tensor in _unpack_tensors(content).items()}
    for name, shape in head.items():
        for part, part_shape, height in (("weight", shape, 0.4), ("bias", shape[:1], 0.1)):
            count = math.prod(part_shape)
            numbers = struct.pack(f"<{count}f", *(height * math.sin(0.61 * n * n + 0.3) for n in range(count)))
            tensors[f"{name}.{part}"] = ("F32", list(part_shape), numbers)
    return _pack_tensors(tensors)


def _unpack_tensors(content: bytes) -> _Tensors:
    size = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + size])
    header.pop("__metadata__", None)
    data = content[8 + size :]
    return {
        name: (entry["dtype"], entry["shape"], data[entry["data_offsets"][0] : entry["data_offsets"][1]])
        for name, entry in header.items()
    }


def _pack_tensors(tensors: _Tensors) -> bytes:
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    offset = 0
    for name, (kind, shape, numbers) in tensors.items():
        header[name] = {"dtype": kind, "shape": shape, "data_offsets": [offset, offset + len(numbers)]}
        offset += len(numbers)
    header_bytes = json.dumps(header).encode()
    header_bytes += b" " * (-len(header_bytes) % 8)
    return b"".join(
        [len(header_bytes).to_bytes(8, "little"), header_bytes, *(numbers for _, _, numbers in tensors.values())]
    )


def _read_json(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


def _write_json(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content), encoding="utf-8")


def read_recorded_scores() -> dict[str, dict[str, list[list[float]]]]:
    """Return the recorded scores of `TEXTS` for each of `QUERIES`, by kind of model and activation.

    `own` is the activation of the model, `sigmoid` replaces it.
    """
    recorded: dict[str, dict[str, list[list[float]]]] = json.loads(RECORDED.read_text())
    return recorded


def record_scores(minilm: str | None) -> None:
    import torch  # type: ignore[import-not-found]
    from sentence_transformers import CrossEncoder  # type: ignore[import-not-found]

    recorded: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name:
        directories = {kind: Path(name) / kind for kind in KINDS}
        for kind, directory in directories.items():
            make_model(kind, directory)
        if minilm:
            directories["minilm"] = Path(name) / "minilm"
            make_minilm(Path(minilm), directories["minilm"])
        for kind, directory in directories.items():
            recorded[kind] = {}
            for activation, function in (("own", None), ("sigmoid", torch.nn.Sigmoid())):
                model = CrossEncoder(str(directory), device="cpu", activation_fn=function)
                scores = [model.predict([(query, text) for text in TEXTS]).tolist() for query in QUERIES]
                recorded[kind][activation] = scores
    RECORDED.write_text(json.dumps(recorded, indent=1) + "\n")


if __name__ == "__main__":
    record_scores(sys.argv[1] if len(sys.argv) > 1 else None)
