"""The model that a worker keeps loaded: the one it was asked for last."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Generic, TypeVar

from fastback.kit.workers.errors import JobFailed
from fastback.retrieval.embedding import models
from fastback.retrieval.embedding.encoder import UnsupportedModel

M = TypeVar("M")


class LoadedModel(Generic[M]):
    """`make` reads a model from a directory, with options; `what` names it to people."""

    def __init__(self, label: str, create: Callable[..., M]) -> None:
        self._label = label
        self._create = create
        #: By the directory, what its weights were like then, and the options.
        self._models: dict[tuple[Any, ...], M] = {}

    def __call__(self, directory: str, **options: bool) -> M:
        """The model of a directory as it is now.

        Raises:
            JobFailed: it cannot be used, in words for whoever chose it.
        """
        path = Path(directory)
        key = (directory, models.get_state(path), *options.items())
        if key not in self._models:
            try:
                model = self._create(path, **options)
            except UnsupportedModel as error:
                raise JobFailed(f"{self._label} in {directory} cannot be used here: {error}.") from error
            except (OSError, ValueError, KeyError, TypeError) as error:
                raise JobFailed(f"{self._label} in {directory} cannot be read: {error}") from error
            self._models.clear()
            self._models[key] = model
        return self._models[key]
