"""Regular expressions take time in proportion to the text: one that does not would freeze the server for everybody."""

from __future__ import annotations

import ast
import functools
import importlib
import pkgutil
import re
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import fastback
from fastback.providers.chat_variables import build_chat_variables_schema, render_chat_variables
from fastback.providers.prompt_placeholders import find_placeholders, replace_names, replace_placeholders
from hostile_texts import list_hostile_texts

PACKAGE = Path(fastback.__file__).parent
#: Seconds of processor time that a pattern may take for a text of `LENGTH` characters.
LIMIT = 0.05
LENGTH = 65_536
#: A text is tried at this length first; only the slowest ones are tried at full length.
SHORT_LENGTH, TRIED_AT_FULL_LENGTH = 2048, 6
SHARDS = 4

_COMPILING = frozenset({"compile", "match", "fullmatch", "search", "sub", "subn", "findall", "finditer", "split"})


class TooSlow(Exception):
    """The time of a call is over."""


def _stop(*_: Any) -> None:
    raise TooSlow


@contextmanager
def limit_processor_time(seconds: float) -> Iterator[None]:
    """Raise TooSlow after this much processor time; regular expressions look for signals while they run."""
    previous = signal.signal(signal.SIGVTALRM, _stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, previous)


def _iterate_modules() -> Iterator[tuple[str, Path]]:
    for info in pkgutil.walk_packages([str(PACKAGE)], "fastback."):
        path = PACKAGE.joinpath(*info.name.split(".")[1:])
        yield info.name, path / "__init__.py" if info.ispkg else path.with_suffix(".py")


def _iterate_values(name: str, value: Any) -> Iterator[tuple[str, re.Pattern[Any]]]:
    """Yield the patterns in a value, with their names; those in tuples, lists and dictionaries, too."""
    if isinstance(value, re.Pattern):
        yield name, value
    elif isinstance(value, tuple | list):
        for index, element in enumerate(value):
            yield from _iterate_values(f"{name}[{index}]", element)
    elif isinstance(value, dict):
        for key, element in value.items():
            yield from _iterate_values(f"{name}[{key!r}]", element)


def _list_methods(source: str, constant: str) -> set[str]:
    """Return the methods that a module calls on a pattern; those that go through the whole text count as one."""
    methods = set(re.findall(rf"\b{constant}(?:\[\w+\])?\.({'|'.join(_COMPILING)})\(", source))
    return {name if name in ("match", "fullmatch", "search") else "finditer" for name in methods}


@functools.cache
def _list_patterns() -> dict[str, tuple[re.Pattern[Any], set[str]]]:
    """Return every pattern by name, with the methods that are called on it."""
    patterns: dict[str, tuple[re.Pattern[Any], set[str]]] = {}
    for module_name, path in _iterate_modules():
        source = path.read_text(encoding="utf-8")
        for number, text in enumerate(_list_schema_patterns(source)):
            method = "fullmatch" if module_name.startswith("fastback.settings.") else "search"
            patterns[f"{module_name} pattern={text!r} {number}"] = re.compile(text), {method}
        if "import re\n" not in source or module_name.endswith("__main__"):
            continue
        module = importlib.import_module(module_name)
        owned = {f"{cls.__name__}.{name}": value for cls in _list_classes(module) for name, value in vars(cls).items()}
        for constant, value in {**vars(module), **owned}.items():
            methods = _list_methods(source, re.escape(constant.rpartition(".")[2])) or {"finditer"}
            for name, pattern in _iterate_values(f"{module_name}.{constant}", value):
                patterns[name] = pattern, methods
    return patterns


def _list_classes(module: Any) -> list[type]:
    return [value for value in vars(module).values() if isinstance(value, type) and value.__module__ == module.__name__]


def _list_schema_patterns(source: str) -> list[str]:
    """Return the patterns that schemas and settings name as `pattern="…"`."""
    if "pattern=" not in source:
        return []
    return [
        keyword.value.value
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call)
        for keyword in node.keywords
        if keyword.arg == "pattern" and isinstance(keyword.value, ast.Constant) and isinstance(keyword.value.value, str)
    ]


def _measure(pattern: re.Pattern[Any], method: str, text: str) -> float:
    """Return the processor time of a call, `LIMIT` at most."""
    subject: Any = text.encode("latin-1", "replace") if isinstance(pattern.pattern, bytes) else text
    call = getattr(pattern, method)
    started = time.process_time()
    try:
        with limit_processor_time(LIMIT):
            result = call(subject)
            if method == "finditer":
                for _ in result:
                    pass
    except TooSlow:
        return LIMIT
    return time.process_time() - started


def _find_slow_text(pattern: re.Pattern[Any], method: str) -> str | None:
    """Return a text that takes the pattern too long, or None."""
    costs = {}
    for text in list_hostile_texts(pattern):
        costs[text] = _measure(pattern, method, text.write(SHORT_LENGTH))
        if costs[text] >= LIMIT:
            return text.write(SHORT_LENGTH)
    slowest = sorted(costs, key=lambda text: -costs[text])[:TRIED_AT_FULL_LENGTH]
    long_texts = (text.write(LENGTH) for text in slowest)
    # What else the machine does may delay a call once, but not twice.
    return next((text for text in long_texts if min(_measure(pattern, method, text) for _ in "12") >= LIMIT), None)


@pytest.mark.parametrize("shard", range(SHARDS))
def test_patterns_are_linear(shard: int) -> None:
    names = sorted(patterns := _list_patterns())
    assert len(names) > 100
    slow = [
        f"{name}.{method}({text[:60]!r}…)"
        for name in names[shard::SHARDS]
        for method in patterns[name][1]
        if (text := _find_slow_text(patterns[name][0], method)) is not None
    ]
    assert slow == []


def test_the_texts_find_slow_patterns() -> None:
    for text in (
        r"{{\s*a\.([^\s|}]+)(?:\s*\|\s*([^}]*))?\s*}}",
        r"\b[a-z][a-z0-9+.-]*://[^\s:]*:[^\s@]+@",
        r"{[^}]*}",
    ):
        assert _find_slow_text(re.compile(text), "finditer") is not None
    assert _find_slow_text(re.compile(r"bytes\s*=\s*(\d*)\s*-\s*(\d*)"), "fullmatch") is not None


def test_patterns_are_compiled_where_the_test_above_finds_them() -> None:
    """A pattern is a constant of its module, not a literal in a function."""
    sources = {path: path.read_text(encoding="utf-8") for _, path in _iterate_modules()}
    literals = [
        f"{path.relative_to(PACKAGE)}:{call.lineno}"
        for path, source in sources.items()
        if "import re\n" in source
        for function in ast.walk(ast.parse(source))
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for call in ast.walk(function)
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr in _COMPILING
        if isinstance(call.func.value, ast.Name) and call.func.value.id == "re"
        if call.args and isinstance(call.args[0], ast.Constant)
    ]
    assert literals == []


@pytest.mark.parametrize(
    "call",
    [
        build_chat_variables_schema,
        lambda text: render_chat_variables(text, {"a": "b"}),
        lambda text: list(find_placeholders(text, "chat")),
        lambda text: replace_placeholders(text, "user", {"a": "b"}),
        lambda text: replace_names(text, {"{{a}}": "b"}),
    ],
)
def test_prompts_are_read_in_proportion_to_their_length(call: Callable[[str], object]) -> None:
    variable = "{{chat.variables.a|"
    units = ("{{chat.variables.", "{{ chat.variables.a |", "{{ user.variables.a | ", "{{", "{{ ", "{{}}", "{{a", " ")
    for text in [
        *(unit * (LENGTH // len(unit)) for unit in units),
        *(unit * (LENGTH // len(unit)) + "}" for unit in units),
        "{{chat.variables.a}}" * 3000,
        variable + " " * LENGTH + "}}",
        variable + 'text:x="[":' + ":" * LENGTH + "}}",
        variable + 'text:default="' + '\\"' * (LENGTH // 2) + "}}",
        (variable + "text:a=1:b=[2]}}") * 2000,
    ]:
        with limit_processor_time(LIMIT):
            call(text)


def test_values_do_not_multiply_without_limit() -> None:
    with pytest.raises(Exception, match="too long"):
        replace_names("{{a}}" * 20_000, {"{{a}}": "b" * 1_000_000})
