"""Call posix_spawn(3), which runs a program without copying the calling process.

A fork copies the page tables of the server, and each page that the server writes to afterwards: at 300 MB that holds
the event loop for 20 ms. Python's own functions for posix_spawn and vfork keep other threads from running until the
program has started, which takes milliseconds on a busy machine. A call by ctypes lets them run.
"""

from __future__ import annotations

import ctypes
import os
import signal
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

#: Flags of posix_spawnattr_setflags(3) on Linux: the default action for some signals, and a session of its own.
_SET_DEFAULT_SIGNALS, _SET_SESSION = 0x04, 0x80
#: Bytes that hold each of the opaque types of the C library: the largest has 336.
_OPAQUE_BYTES = 1024
#: Signals that Python ignores, as `subprocess` restores them.
_RESTORED_SIGNALS = (signal.SIGPIPE, signal.SIGXFSZ)


class Program(NamedTuple):
    """A program to run.

    Attributes:
        arguments: the path or name of the program, and its arguments.
        environment: all variables that it gets.
        streams: descriptors that become its standard input, output and error output, in this order; None keeps that of
            this process.
        descriptors: further ones that it gets, under the same numbers; no others.
        directory: where it starts; None for the directory of this process.
        has_session: whether it leads a session, and so a process group that can be killed with what it has started.
    """

    arguments: Sequence[str]
    environment: Mapping[str, str]
    streams: tuple[int | None, int | None, int | None] = (None, None, None)
    descriptors: Sequence[int] = ()
    directory: str | None = None
    has_session: bool = False


@cache
def _load_library() -> Any:
    """Return the C library.

    Raises:
        AttributeError: it cannot start processes in another directory, as those before 2019.
    """
    library = ctypes.CDLL(None)
    assert library.posix_spawnp
    assert library.posix_spawn_file_actions_addchdir_np
    return library


def can_spawn() -> bool:
    """Return whether the C library of this system has what `spawn` needs."""
    try:
        _load_library()
    except (OSError, AttributeError, TypeError):
        return False
    return True


def spawn(program: Program) -> int:
    """Run a program, and return the id of its process. Other threads run meanwhile.

    Linux ends some children with the thread that has started them, so the calling thread has to last.

    Raises:
        OSError: it cannot be started.
    """
    library = _load_library()
    actions = ctypes.create_string_buffer(_OPAQUE_BYTES)
    attributes = ctypes.create_string_buffer(_OPAQUE_BYTES)
    library.posix_spawn_file_actions_init(actions)
    library.posix_spawnattr_init(attributes)
    try:
        _add_file_actions(library, actions, program)
        _set_attributes(library, attributes, program)
        process_id = ctypes.c_int()
        _check(
            library.posix_spawnp(
                ctypes.byref(process_id),
                os.fsencode(program.arguments[0]),
                actions,
                attributes,
                _build_strings(program.arguments),
                _build_strings([f"{name}={value}" for name, value in program.environment.items()]),
            ),
            program.arguments[0],
        )
        return process_id.value
    finally:
        library.posix_spawnattr_destroy(attributes)
        library.posix_spawn_file_actions_destroy(actions)


def _add_file_actions(library: Any, actions: Any, program: Program) -> None:
    for number, descriptor in enumerate(program.streams):
        if descriptor is not None:
            _check(library.posix_spawn_file_actions_adddup2(actions, descriptor, number))
    for descriptor in program.descriptors:  # what is "duplicated" to its own number stays open
        _check(library.posix_spawn_file_actions_adddup2(actions, descriptor, descriptor))
    for descriptor in _list_inheritable():
        if descriptor not in program.descriptors:
            _check(library.posix_spawn_file_actions_addclose(actions, descriptor))
    if program.directory is not None:
        _check(library.posix_spawn_file_actions_addchdir_np(actions, os.fsencode(program.directory)))


def _list_inheritable() -> list[int]:
    """Return the descriptors that programs would get, which are those that this process has inherited itself.

    What Python opens is closed by the system as a program starts.
    """
    inheritable = []
    for name in os.listdir("/proc/self/fd"):
        try:
            if int(name) > 2 and os.get_inheritable(int(name)):
                inheritable.append(int(name))
        except OSError:
            continue  # it has been closed meanwhile
    return inheritable


def _set_attributes(library: Any, attributes: Any, program: Program) -> None:
    signals = ctypes.create_string_buffer(_OPAQUE_BYTES)
    library.sigemptyset(signals)
    for number in _RESTORED_SIGNALS:
        library.sigaddset(signals, int(number))
    _check(library.posix_spawnattr_setsigdefault(attributes, signals))
    flags = _SET_DEFAULT_SIGNALS | (_SET_SESSION if program.has_session else 0)
    _check(library.posix_spawnattr_setflags(attributes, ctypes.c_short(flags)))


def _build_strings(texts: Sequence[str]) -> Any:
    """Return texts as C has them: an array of pointers with a null at its end."""
    contents = [os.fsencode(text) for text in texts]
    if any(b"\0" in content for content in contents):
        raise ValueError("embedded null byte")
    return (ctypes.c_char_p * (len(contents) + 1))(*contents, None)


def _check(code: int, name: str | None = None) -> None:
    if code:
        raise OSError(code, os.strerror(code), name)
