"""Settings that limit what clients may send, hold open and run at once."""

from __future__ import annotations

from typing import Annotated

from fastback.settings.field import describe
from fastback.settings.server import HeaderSettings


class LimitSettings(HeaderSettings, frozen=True, kw_only=True):
    """Limits"""

    fastback_max_header_kb: Annotated[
        int,
        describe("Kilobytes of the path and headers of a request; larger ones are answered with 431.", minimum=4),
    ] = 64
    fastback_header_timeout: Annotated[
        float,
        describe(
            "Seconds that a client has to send the headers of a request; then it is answered with 408.", minimum=0.1
        ),
    ] = 30
    fastback_body_timeout: Annotated[
        float,
        describe(
            "Seconds that a body may arrive with less than 500 bytes a second; then it is answered with 408.",
            minimum=0.1,
        ),
    ] = 60
    fastback_response_timeout: Annotated[
        float,
        describe("Seconds that a client may read nothing of its response; then its connection is closed.", minimum=0.1),
    ] = 120
    fastback_max_connections: Annotated[
        int,
        describe(
            "Number of connections that may be open at once, those of sockets included; further ones are refused with "
            "503. Each takes a file descriptor, which the system limits, too.",
            minimum=1,
        ),
    ] = 20_000
    fastback_max_turns: Annotated[
        int,
        describe("Number of answers that this process writes at once; further requests get 503.", minimum=1),
    ] = 2_000
    fastback_max_turns_per_user: Annotated[
        int,
        describe(
            "Number of answers that this process writes at once for one user; further requests get 429. Answers of "
            "subagents and plugins inside of another one do not count.",
            minimum=1,
        ),
    ] = 200
    fastback_max_waiting_jobs: Annotated[
        int,
        describe(
            "Number of jobs that may wait for the processes of one kind, such as those that read documents or format "
            "code; requests for further ones get 503.",
            minimum=1,
        ),
    ] = 1_000
    fastback_max_sockets_per_user: Annotated[
        int,
        describe("Number of pages that a user may have open at once; the oldest is closed for a new one.", minimum=1),
    ] = 100
