"""The parts of a scenario: requests by users, in order; a request may use values of earlier answers.

Strings may contain `${name}`: a value that a step has saved, or one of the player's: `${ada.id}`, `${ada.token}`
(likewise `bob`, `cy` and `pending`), the addresses `${upstream}` (of the model server) and `${server}`. A scenario with
an LDAP server has its addresses `${directory.ldap}` and `${directory.ldaps}`, and files with certificates: of its
authority, `${directory.authority}`, and of another, `${directory.stranger}`. One with image engines has their
addresses, `${engines.openai}` (likewise `gemini`, `automatic1111` and `comfyui`).
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
_PLACEHOLDER = re.compile(r"\$\{([a-z0-9_.]+)\}")


class MissingValue(LookupError):
    """A step needs a value that no earlier step saved."""


@dataclass(frozen=True, slots=True)
class Merged:
    """An object with changes: `Merged("${config}", {"ENABLE_SIGNUP": True})`."""

    base: Any
    changes: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Step:
    """A request.

    Attributes:
        who: a user of the cast, `anonymous`, or `key:<name>` for the API key saved under this name.
        json: the JSON body; `raw` is any other body; `form` holds fields and files.
        save: names of values for later steps, each with a path into the answer (`$.id`).
        ignore: paths that are not compared (`$.a.b`, `[*]` for any index of a list); `why` gives the reason.
        unordered: paths of lists whose order does not matter.
        pause: seconds to wait before the request, where the order depends on times stored in whole seconds.
        until: the request is repeated for some seconds until the answer has this path: what it shows ends by itself.
        cookie: authenticate by cookie instead of the header.
        code_of: the value with the key of an authenticator app; `${code}` is then the app's next code, in this step
            and later ones. Two codes can be used at once, each further one needs a pause of 30 seconds.
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
    until: str = ""
    cookie: bool = False
    code_of: str = ""

    def __post_init__(self) -> None:
        if self.ignore and not self.why:
            raise ValueError(f"{self.label}: `ignore` needs a reason")

    @property
    def label(self) -> str:
        query = "?" + "&".join(f"{key}={value}" for key, value in self.query.items()) if self.query else ""
        return f"{self.who} {self.method} {self.path}{query}"


@dataclass(frozen=True, slots=True)
class Scenario:
    """A named list of steps.

    Attributes:
        cast: whether ada, bob, cy and pending have accounts before the first step.
        opens: not empty if the scenario starts on the stored database.
        keeps: whether recording saves the database and the credentials.
        needs_directory: whether the steps use an LDAP server.
        needs_engines: whether the steps use image engines.
        environment: variables of the program beside those of every scenario.
    """

    name: str
    about: str
    steps: tuple[Step, ...]
    cast: bool = True
    opens: str = ""
    keeps: bool = False
    needs_directory: bool = False
    needs_engines: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)


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


def refused_steps(people: str, method: str, path: str, json: Any = NOTHING, **more: Any) -> list[Step]:
    """Return the same request by each of several users (words of `people`), who all lack the permission."""
    return [Step(who, method, path, json, **more) for who in people.split()]


def flatten_steps(*parts: Step | list[Step]) -> list[Step]:
    """Return steps and lists of steps as one list."""
    return [step for part in parts for step in (part if isinstance(part, list) else [part])]


def fill_placeholders(template: Any, values: Mapping[str, Any]) -> Any:
    """Replace the placeholders in a template; a string that is a single placeholder becomes the value itself.

    Raises:
        MissingValue: a name has no value.
    """
    if isinstance(template, str):
        placeholder = _PLACEHOLDER.fullmatch(template)
        if placeholder:
            return _get_value(placeholder[1], values)
        return _PLACEHOLDER.sub(lambda match: str(_get_value(match[1], values)), template)
    if isinstance(template, Merged):
        return {**fill_placeholders(template.base, values), **fill_placeholders(template.changes, values)}
    if isinstance(template, Mapping):
        return {fill_placeholders(key, values): fill_placeholders(item, values) for key, item in template.items()}
    if isinstance(template, (list, tuple)):
        return [fill_placeholders(item, values) for item in template]
    return template


def _get_value(name: str, values: Mapping[str, Any]) -> Any:
    try:
        return values[name]
    except KeyError:
        raise MissingValue(name) from None


def read_path(body: Any, path: str) -> Any:
    """Return the value at a path such as `$.items[0].id`.

    Raises:
        MissingValue: the path does not exist.
    """
    value = body
    for part in re.findall(r"[^.\[\]]+", path.removeprefix("$")):
        try:
            value = value[int(part)] if isinstance(value, list) else value[part]
        except (KeyError, IndexError, TypeError, ValueError):
            raise MissingValue(path) from None
    return value


def list_scenarios() -> list[Scenario]:
    """Return all scenarios by name; each module of `parity.scenarios` defines one."""
    package = importlib.import_module("parity.scenarios")
    scenarios = []
    for module_info in sorted(pkgutil.iter_modules(package.__path__), key=lambda module_info: module_info.name):
        module = importlib.import_module(f"parity.scenarios.{module_info.name}")
        if not hasattr(module, "STEPS"):
            continue
        scenarios.append(
            Scenario(
                name=module_info.name,
                about=(module.__doc__ or "").strip().splitlines()[0],
                steps=tuple(module.STEPS),
                cast=getattr(module, "CAST", True),
                opens=getattr(module, "OPENS", ""),
                keeps=getattr(module, "KEEPS", False),
                needs_directory=getattr(module, "DIRECTORY", False),
                needs_engines=getattr(module, "ENGINES", False),
                environment=getattr(module, "ENVIRONMENT", {}),
            )
        )
    return scenarios
