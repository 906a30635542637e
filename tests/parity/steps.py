"""What a scenario is made of: requests by people, in order, with what a later one needs from an earlier answer.

Strings may hold `${name}`: a value that a step has saved, or one of those which the cast brings: `${ada.id}`,
`${ada.token}` (likewise `bob`, `cy` and `pending`), the addresses `${upstream}` (of the model server) and `${server}`.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

PASSWORD = "correct horse battery"
NOTHING: Any = object()
_PLACE = re.compile(r"\$\{([a-z0-9_.]+)\}")


class MissingValue(LookupError):
    """A step needs what an earlier one did not give."""


@dataclass(frozen=True, slots=True)
class Merged:
    """An object with changes: `Merged("${config}", {"ENABLE_SIGNUP": True})`."""

    base: Any
    changes: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Step:
    """A request.

    Attributes:
        who: a person of the cast, `anonymous`, or `key:<name>` for the API key saved under this name.
        json: the body; `raw` is one that is no JSON; `form` one of fields and files.
        save: names of later use, each with a path into the answer (`$.id`).
        ignore: paths that are not compared (`$.a.b`, `[*]` for any place of a list); `why` says the reason.
        unordered: paths of lists that may come in any order.
        pause: seconds to wait before, where an order hangs on times kept in whole seconds.
        cookie: sign in by cookie in place of the header.
    """

    who: str
    method: str
    path: str
    json: Any = NOTHING
    query: Mapping[str, Any] = field(default_factory=dict)
    raw: bytes | None = None
    form: Mapping[str, Any] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    save: Mapping[str, str] = field(default_factory=dict)
    ignore: tuple[str, ...] = ()
    why: str = ""
    unordered: tuple[str, ...] = ()
    pause: float = 0.0
    cookie: bool = False

    def __post_init__(self) -> None:
        if self.ignore and not self.why:
            raise ValueError(f"{self.label}: `ignore` needs a reason")

    @property
    def label(self) -> str:
        query = "?" + "&".join(f"{key}={value}" for key, value in self.query.items()) if self.query else ""
        return f"{self.who} {self.method} {self.path}{query}"


@dataclass(frozen=True, slots=True)
class Scenario:
    """`cast`: ada, bob, cy and pending have accounts before the first step. `database`: opened on the stored one."""

    name: str
    about: str
    steps: tuple[Step, ...]
    cast: bool = True
    opens: str = ""
    keeps: bool = False


def get(who: str, path: str, **more: Any) -> Step:
    return Step(who, "GET", path, **more)


def post(who: str, path: str, json: Any = NOTHING, **more: Any) -> Step:
    return Step(who, "POST", path, json, **more)


def patch(who: str, path: str, json: Any = NOTHING, **more: Any) -> Step:
    return Step(who, "PATCH", path, json, **more)


def put(who: str, path: str, json: Any = NOTHING, **more: Any) -> Step:
    return Step(who, "PUT", path, json, **more)


def delete(who: str, path: str, json: Any = NOTHING, **more: Any) -> Step:
    return Step(who, "DELETE", path, json, **more)


def refused(people: str, method: str, path: str, json: Any = NOTHING, **more: Any) -> list[Step]:
    """The same request by each of several people (words of `people`), none of whom may make it."""
    return [Step(who, method, path, json, **more) for who in people.split()]


def flat(*parts: Step | list[Step]) -> list[Step]:
    """Steps and lists of steps in one list."""
    return [step for part in parts for step in (part if isinstance(part, list) else [part])]


def filled(value: Any, known: Mapping[str, Any]) -> Any:
    """The value with its places filled; a string that is one place alone becomes the value itself.

    Raises:
        MissingValue: nothing is known under a name.
    """
    if isinstance(value, str):
        whole = _PLACE.fullmatch(value)
        if whole:
            return _known(whole[1], known)
        return _PLACE.sub(lambda found: str(_known(found[1], known)), value)
    if isinstance(value, Merged):
        return {**filled(value.base, known), **filled(value.changes, known)}
    if isinstance(value, Mapping):
        return {filled(key, known): filled(one, known) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [filled(one, known) for one in value]
    return value


def _known(name: str, known: Mapping[str, Any]) -> Any:
    try:
        return known[name]
    except KeyError:
        raise MissingValue(name) from None


def picked(body: Any, path: str) -> Any:
    """What lies at a path such as `$.items[0].id`.

    Raises:
        MissingValue: nothing lies there.
    """
    found = body
    for part in re.findall(r"[^.\[\]]+", path.removeprefix("$")):
        try:
            found = found[int(part)] if isinstance(found, list) else found[part]
        except (KeyError, IndexError, TypeError, ValueError):
            raise MissingValue(path) from None
    return found


def scenarios() -> list[Scenario]:
    """All there are, by name; a module of `parity.scenarios` is one."""
    package = importlib.import_module("parity.scenarios")
    found = []
    for module in sorted(pkgutil.iter_modules(package.__path__), key=lambda one: one.name):
        loaded = importlib.import_module(f"parity.scenarios.{module.name}")
        if not hasattr(loaded, "STEPS"):
            continue
        found.append(
            Scenario(
                name=module.name,
                about=(loaded.__doc__ or "").strip().splitlines()[0],
                steps=tuple(loaded.STEPS),
                cast=getattr(loaded, "CAST", True),
                opens=getattr(loaded, "OPENS", ""),
                keeps=getattr(loaded, "KEEPS", False),
            )
        )
    return found
