"""The model that a worker keeps loaded: the one it was asked for last."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Generic, TypeVar

from fastback.kit.workers.errors import JobFailed
from fastback.retrieval.embedding import models
from fastback.retrieval.embedding.encoder import UnknownModel

M = TypeVar("M")


class Loaded(Generic[M]):
    """`make` reads a model from a directory, with options; `what` names it to people."""

    def __init__(self, what: str, make: Callable[..., M]) -> None:
        self._what = what
        self._make = make
        #: By the directory, what its weights were like then, and the options.
        self._kept: dict[tuple[Any, ...], M] = {}

    def __call__(self, directory: str, **options: bool) -> M:
        """The model of a directory as it is now.

        Raises:
            JobFailed: it cannot be used, in words for whoever chose it.
        """
        place = Path(directory)
        key = (directory, models.state(place), *options.items())
        if key not in self._kept:
            try:
                made = self._make(place, **options)
            except UnknownModel as error:
                raise JobFailed(f"{self._what} in {directory} cannot be used here: {error}.") from error
            except (OSError, ValueError, KeyError, TypeError) as error:
                raise JobFailed(f"{self._what} in {directory} cannot be read: {error}") from error
            self._kept.clear()
            self._kept[key] = made
        return self._kept[key]
