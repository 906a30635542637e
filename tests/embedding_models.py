"""Small generated embedding models, and the vectors that sentence-transformers computes with them.

`python tests/embedding_models.py [DIRECTORY]`, run by a Python that has sentence-transformers, records the vectors
again: those of the small models, and those of the model all-MiniLM-L6-v2 in DIRECTORY.
"""

from __future__ import annotations

import base64
import json
import math
import struct
import sys
import tempfile
from pathlib import Path
from typing import Any

RECORDED = Path(__file__).parent / "data" / "embedding-vectors.json"
TEXTS = [
    "the quick brown fox jumps over the lazy dog",
    "The Fox.",
    "",
    "  over   dog\n\nfox  ",
    "fox " * 40,
    "unknown wörds ÉTÉ 東京 🚀",
    "What is the capital of France?",
    "[CLS] fox [SEP] dog",
    "ﬁ ligature Å e\u0301",
    "Привет, мир! مرحبا नमस्ते",
    "def f(x):\n    return x**2  # 3.14159 http://example.com/a?b=c",
    "word " * 400,
]
KINDS = ["bert-mean", "bert-cls", "bert-plain", "roberta"]
WIDTH, INNER, LAYERS, HEADS, POSITIONS = 32, 64, 2, 4, 40
_SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
_VOCABULARY = "the quick brown fox jump over la dog what is of . , a b c ##s ##zy ##a ##b ##c"
_WORDS = [*_SPECIAL, *_VOCABULARY.split()]


def make_model(kind: str, directory: Path) -> None:
    """Write a model of a kind into the directory."""
    directory.mkdir(parents=True, exist_ok=True)
    roberta = kind == "roberta"
    config = {
        "model_type": "xlm-roberta" if roberta else "bert",
        "architectures": ["XLMRobertaModel" if roberta else "BertModel"],
        "vocab_size": len(_WORDS),
        "hidden_size": WIDTH,
        "intermediate_size": INNER,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS,
        "max_position_embeddings": POSITIONS,
        "type_vocab_size": 1 if roberta else 2,
        "hidden_act": "gelu_new" if kind == "bert-cls" else "gelu",
        "layer_norm_eps": 1e-5,
        "pad_token_id": 0,
    }
    _write_json(directory / "config.json", config)
    _write_weights(directory / "model.safetensors", types=1 if roberta else 2)
    _write_json(directory / "tokenizer.json", _build_tokenizer())
    tokenizer_config = {"do_lower_case": True, "model_max_length": 24, "tokenizer_class": "PreTrainedTokenizerFast"}
    names = {
        "pad_token": "[PAD]",
        "unk_token": "[UNK]",
        "cls_token": "[CLS]",
        "sep_token": "[SEP]",
        "mask_token": "[MASK]",
    }
    _write_json(directory / "tokenizer_config.json", {**tokenizer_config, **names})
    if kind == "bert-plain":
        return
    steps = ["Transformer", "Pooling"] + (["Normalize"] if kind != "bert-cls" else [])
    paths = ["", "1_Pooling", "2_Normalize"]
    _write_json(
        directory / "modules.json",
        [
            {"idx": n, "name": str(n), "path": paths[n], "type": f"sentence_transformers.models.{step}"}
            for n, step in enumerate(steps)
        ],
    )
    (directory / "1_Pooling").mkdir(exist_ok=True)
    pooling: dict[str, Any] = {"word_embedding_dimension": WIDTH}
    for mode in ("cls_token", "mean_tokens", "max_tokens"):
        pooling[f"pooling_mode_{mode}"] = mode == ("cls_token" if kind == "bert-cls" else "mean_tokens")
    _write_json(directory / "1_Pooling" / "config.json", pooling)
    _write_json(directory / "sentence_bert_config.json", {"max_seq_length": 16, "do_lower_case": False})
    if kind == "roberta":
        prompts = {"prompts": {"query": "quick fox: ", "document": ""}, "default_prompt_name": "query"}
        _write_json(directory / "config_sentence_transformers.json", prompts)


def _write_json(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content), encoding="utf-8")


def _build_tokenizer() -> dict[str, Any]:
    """Return a WordPiece tokenizer with a few words."""
    special = [
        {"id": n, "content": _WORDS[n], "single_word": False, "lstrip": False, "rstrip": False, "normalized": False,
         "special": True}
        for n in range(5)
    ]  # fmt: skip
    template = [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}},
              {"SpecialToken": {"id": "[SEP]", "type_id": 0}}]  # fmt: skip
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": special,
        "normalizer": {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True,
                       "strip_accents": None, "lowercase": True},
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": template,
            "pair": template,
            "special_tokens": {
                name: {"id": name, "ids": [_WORDS.index(name)], "tokens": [name]} for name in ("[CLS]", "[SEP]")
            },
        },
        "decoder": None,
        "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
                  "max_input_chars_per_word": 100, "vocab": {word: n for n, word in enumerate(_WORDS)}},
    }  # fmt: skip


def _write_weights(path: Path, *, types: int) -> None:
    """Write weights that are a sine of their position."""
    shapes: dict[str, tuple[int, ...]] = {
        "embeddings.word_embeddings.weight": (len(_WORDS), WIDTH),
        "embeddings.position_embeddings.weight": (POSITIONS, WIDTH),
        "embeddings.token_type_embeddings.weight": (types, WIDTH),
    }
    norms = ["embeddings.LayerNorm"]
    for n in range(LAYERS):
        layer = f"encoder.layer.{n}."
        linear = {
            "attention.self.query": (WIDTH, WIDTH),
            "attention.self.key": (WIDTH, WIDTH),
            "attention.self.value": (WIDTH, WIDTH),
            "attention.output.dense": (WIDTH, WIDTH),
            "intermediate.dense": (INNER, WIDTH),
            "output.dense": (WIDTH, INNER),
        }
        for name, shape in linear.items():
            shapes[f"{layer}{name}.weight"] = shape
            shapes[f"{layer}{name}.bias"] = shape[:1]
        norms += [f"{layer}attention.output.LayerNorm", f"{layer}output.LayerNorm"]
    for name in norms:
        shapes[f"{name}.weight"] = shapes[f"{name}.bias"] = (WIDTH,)
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    content = b""
    for number, (name, shape) in enumerate(shapes.items()):
        count = math.prod(shape)
        centre = 1.0 if name.endswith("LayerNorm.weight") else 0.0
        numbers = [centre + 0.4 * math.sin(0.37 * position * (number % 7 + 1) + number) for position in range(count)]
        packed = struct.pack(f"<{count}f", *numbers)
        header[name] = {
            "dtype": "F32",
            "shape": list(shape),
            "data_offsets": [len(content), len(content) + len(packed)],
        }
        content += packed
    header_bytes = json.dumps(header).encode()
    header_bytes += b" " * (-len(header_bytes) % 8)
    path.write_bytes(len(header_bytes).to_bytes(8, "little") + header_bytes + content)


def read_recorded_vectors() -> dict[str, list[list[float]]]:
    """Return the recorded vectors of `TEXTS` by kind of model; the kind `minilm` is all-MiniLM-L6-v2."""
    recorded = json.loads(RECORDED.read_text())
    return {
        kind: [list(struct.unpack(f"<{len(vector) * 3 // 16}f", base64.b64decode(vector))) for vector in vectors]
        for kind, vectors in recorded.items()
    }


def record_vectors(minilm: str | None) -> None:
    from sentence_transformers import SentenceTransformer  # type: ignore[import-not-found]

    recorded = json.loads(RECORDED.read_text()) if RECORDED.exists() else {}
    with tempfile.TemporaryDirectory() as name:
        directories = {kind: Path(name) / kind for kind in KINDS}
        for kind, directory in directories.items():
            make_model(kind, directory)
        if minilm:
            directories["minilm"] = Path(minilm)
        for kind, directory in directories.items():
            vectors = SentenceTransformer(str(directory), device="cpu").encode(TEXTS, batch_size=1)
            recorded[kind] = [base64.b64encode(vector.astype("<f4").tobytes()).decode() for vector in vectors]
    RECORDED.write_text(json.dumps(recorded, indent=1) + "\n")


if __name__ == "__main__":
    record_vectors(sys.argv[1] if len(sys.argv) > 1 else None)
