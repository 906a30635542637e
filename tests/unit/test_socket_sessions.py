"""What a process remembers of its sockets: little for each, and found without a look at the others."""

from __future__ import annotations

import time

from fastback.access.identity import User
from fastback.kit.tasks import Tasks
from fastback.realtime.sessions import MODEL_USE_SECONDS, SocketSessions
from moving_clock import MovingClock


def build_user(number: int) -> User:
    return User(id=f"u{number}", email="", name="", role="user")


def test_sockets_of_a_user_are_found_among_many() -> None:
    sessions = SocketSessions(Tasks())
    for number in range(5000):
        sessions.add(f"s{number}", build_user(number), "token")
    sessions.add("s1", build_user(0), "token")  # another user signs in on the same socket
    assert sorted(sessions.list_user_socket_ids("u0")) == ["s0", "s1"]
    assert sessions.list_user_socket_ids("u1") == []
    sessions.remove("s0")
    assert sessions.list_user_socket_ids("u0") == ["s1"]
    # A change of a group asks for each of its users. It took a second to look through all sockets for each of them.
    started = time.process_time()
    assert not any(sessions.list_user_socket_ids(f"v{number}") for number in range(5000))
    assert time.process_time() - started < 0.2


def test_models_that_a_page_names_are_forgotten(clock: MovingClock) -> None:
    sessions = SocketSessions(Tasks())
    sessions.add("s", build_user(0), "token")
    assert not sessions.record_model_use("s", "m" * 1_000_000)
    for number in range(100):
        assert sessions.record_model_use("s", f"m{number}")
    assert len(sessions.list_models_in_use()) == 100
    clock.advance(MODEL_USE_SECONDS + 1)
    assert sessions.record_model_use("s", "last")
    assert sessions.list_models_in_use() == ["last"]
    assert list(sessions._model_uses) == ["last"]
    sessions.remove("s")
    assert sessions.list_models_in_use() == []
