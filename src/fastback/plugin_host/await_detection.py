"""Find out whether the code that calls a function awaits what it returns.

Plugins call Open WebUI's functions with and without `await`: these were synchronous for years. The call's place in the
byte code tells which of both a plugin expects.
"""

from __future__ import annotations

import dis
import inspect
import sys
from types import CodeType, FrameType

#: Functions whose argument is a coroutine or an awaitable.
_AWAITING_FUNCTIONS = frozenset(
    {
        *("run", "run_until_complete", "create_task", "ensure_future", "run_coroutine_threadsafe", "gather", "wait"),
        *("wait_for", "shield", "as_completed", "iscoroutine", "isawaitable", "run_sync", "run_coroutine"),
    }
)
_STORES = {
    "STORE_FAST": ("LOAD_FAST",),
    "STORE_DEREF": ("LOAD_DEREF",),
    "STORE_NAME": ("LOAD_NAME",),
    "STORE_GLOBAL": ("LOAD_GLOBAL", "LOAD_NAME"),
}
#: Instructions of Python 3.13 and later that do what two others do.
_PAIRS = {
    "STORE_FAST_LOAD_FAST": ("STORE_FAST", "LOAD_FAST"),
    "STORE_FAST_STORE_FAST": ("STORE_FAST", "STORE_FAST"),
    "LOAD_FAST_LOAD_FAST": ("LOAD_FAST", "LOAD_FAST"),
}
_RETURNS = frozenset({"RETURN_VALUE"})
#: Places in code that are remembered.
_MAX_PLACES = 10_000

AWAITED, PLAIN, RETURNED = "awaited", "plain", "returned"

#: By the id of a code object and the offset in it; the code object is kept, so that its id stays its own.
_places: dict[tuple[int, int], tuple[CodeType, str]] = {}


def is_result_awaited(depth: int = 1) -> bool:
    """Return whether the caller of a function, `depth` frames above this one's caller, awaits its result.

    A function that only returns the result passes the question on to its own caller.
    """
    frame: FrameType | None = sys._getframe(depth + 1)
    while frame is not None:
        usage = _find_usage(frame.f_code, frame.f_lasti)
        if usage != RETURNED or frame.f_code.co_flags & (inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR):
            return usage == AWAITED
        frame = frame.f_back
    return False


def _find_usage(code: CodeType, offset: int) -> str:
    entry = _places.get((id(code), offset))
    if entry is None:
        if len(_places) >= _MAX_PLACES:
            _places.clear()
        entry = _places[(id(code), offset)] = (code, _analyze_place(code, offset))
    return entry[1]


def _analyze_place(code: CodeType, offset: int) -> str:
    """Return what the code does with the result of the call at an offset."""
    instructions = _list_instructions(code)
    number = max((index for index, step in enumerate(instructions) if step.offset <= offset), default=-1)
    if number < 0 or number + 1 >= len(instructions):
        return PLAIN
    following = instructions[number + 1]
    if following.opname == "GET_AWAITABLE":
        return AWAITED
    if following.opname in _RETURNS:
        return RETURNED
    if following.opname in _STORES:
        loads = _STORES[following.opname]
        is_awaited_later = any(
            step.opname.startswith(loads) and step.argval == following.argval and after.opname == "GET_AWAITABLE"
            for step, after in zip(instructions[number + 2 :], instructions[number + 3 :], strict=False)
        )
        return AWAITED if is_awaited_later else PLAIN
    return AWAITED if _find_outer_function(instructions, number) in _AWAITING_FUNCTIONS else PLAIN


def _list_instructions(code: CodeType) -> list[dis.Instruction]:
    """Return the instructions of code; each that combines two of local variables becomes two."""
    instructions: list[dis.Instruction] = []
    for step in dis.get_instructions(code):
        if step.opname in _PAIRS and isinstance(step.argval, tuple):
            for name, argval in zip(_PAIRS[step.opname], step.argval, strict=True):
                instructions.append(step._replace(opname=name, argval=argval))
        else:
            instructions.append(step)
    return instructions


def _find_outer_function(instructions: list[dis.Instruction], number: int) -> str | None:
    """Return the name of the function that gets the result of a call as an argument, or None."""
    inner = _get_range(instructions[number])
    if inner is None:
        return None
    for step in instructions[number + 1 :]:
        outer = _get_range(step)
        if outer is None or not (outer[0] <= inner[0] and inner[1] <= outer[1]) or outer == inner:
            continue
        if not step.opname.startswith(("CALL", "BUILD_", "LIST_EXTEND", "LIST_APPEND", "KW_NAMES", "PRECALL")):
            return None
        if step.opname.startswith("CALL"):
            return _find_function_name(instructions[:number], outer[0])
    return None


def _find_function_name(instructions: list[dis.Instruction], start: tuple[int, int]) -> str | None:
    """Return the last name that is loaded by an expression which begins at a place of the source."""
    for step in reversed(instructions):
        step_range = _get_range(step)
        if step_range is not None and step_range[0] == start and step.opname.startswith("LOAD_"):
            return step.argval if isinstance(step.argval, str) else None
    return None


def _get_range(step: dis.Instruction) -> tuple[tuple[int, int], tuple[int, int]] | None:
    """Return where in the source an instruction begins and ends: line and column each."""
    positions = step.positions
    if positions is None:
        return None
    line, column, end_line, end_column = (
        positions.lineno,
        positions.col_offset,
        positions.end_lineno,
        positions.end_col_offset,
    )
    if line is None or column is None or end_line is None or end_column is None:
        return None
    return (line, column), (end_line, end_column)
