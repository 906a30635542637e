"""The model that a worker process keeps loaded: the last one that was requested."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Generic, TypeVar

from fastback.kit.workers.errors import JobFailed
from fastback.retrieval.embedding import models
from fastback.retrieval.embedding.encoder import UnsupportedModel

M = TypeVar("M")


class LoadedModel(Generic[M]):
    """Loads a model when its directory, weights or options change. `create` loads it; `label` names it in errors."""

    def __init__(self, label: str, create: Callable[..., M]) -> None:
        self._label = label
        self._create = create
        #: By the directory, the state of its weights, and the options.
        self._models: dict[tuple[Any, ...], M] = {}

    def __call__(self, directory: str, **options: bool) -> M:
        """Return the model of a directory in its current state.

        Raises:
            JobFailed: the model is unusable; the message tells its administrator why.
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
