"""Several processes' metrics in one text: each sample gets the label `worker`, and each metric its head once."""

from __future__ import annotations

from collections.abc import Mapping

_HEAD = "# HELP "


def merge_texts(texts: Mapping[str, str]) -> str:
    """Return the metrics of all workers, given in the text format of Prometheus by the name of the worker."""
    heads: dict[str, str] = {}
    samples: dict[str, list[str]] = {}
    for worker, text in texts.items():
        for block in text.split(_HEAD)[1:]:
            name = block.partition(" ")[0]
            help_line, _, rest = block.partition("\n")
            type_line, _, lines = rest.partition("\n")
            heads.setdefault(name, f"{_HEAD}{help_line}\n{type_line}\n")
            samples.setdefault(name, []).extend(_add_worker(line, worker) for line in lines.splitlines() if line)
    return "".join(heads[name] + "\n".join(lines) + "\n" for name, lines in samples.items() if lines)


def _add_worker(line: str, worker: str) -> str:
    """Return a sample with the label `worker`."""
    name, brace, rest = line.partition("{")
    if brace:
        return f'{name}{{worker="{worker}",{rest}'
    name, _, value = line.partition(" ")
    return f'{name}{{worker="{worker}"}} {value}'
