"""What kind of file something is: its media type as it was said, and what its first bytes say."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

#: What counts as speech where nobody says.
SPEECH = ("audio/*", "video/webm")
_HEAD = 8192


def _parsed(text: str) -> tuple[str, str, dict[str, str]]:
    """Type, subtype and parameters of a media type."""
    kind, *rest = text.split(";")
    first, _, second = kind.strip().lower().partition("/")
    pairs = (one.partition("=") for one in rest)
    return first, second, {name.strip(): value.strip() for name, _, value in pairs if name.strip() != "q"}


def matches(supported: Sequence[str], content_type: str) -> bool:
    """Whether a media type is one of those supported, which may hold `*`; their parameters must be there, too.

    Of several that fit the closest one counts. Without any the kinds of speech are meant.
    """
    wanted = [one for one in supported if "/" in one] or SPEECH
    first, second, given = _parsed(content_type)
    if not second:
        return False
    best: tuple[int, dict[str, str]] | None = None
    for one in wanted:
        kind, subtype, needed = _parsed(one)
        if kind not in ("*", first) and first != "*":
            continue
        if subtype not in ("*", second) and second != "*":
            continue
        closeness = 100 * (kind == first) + 10 * (subtype == second)
        closeness += sum(given.get(name) == value for name, value in needed.items())
        if best is None or closeness > best[0]:
            best = closeness, needed
    return best is not None and all(given.get(name) == value for name, value in best[1].items())


def is_speech(supported: Sequence[str], content_type: str) -> bool:
    """Whether files of this type are written down, as `audio.stt.supported_content_types` says it."""
    return matches(supported, content_type)


def is_extracted(engine: str, supported: Sequence[str] | None, content_type: str) -> bool:
    """Whether the engine of extraction takes pictures or films of this type.

    Without a list (None) only an external one takes them, all of them.
    """
    if supported is None:
        return engine == "external"
    chosen = [one.strip() for one in supported if one.strip()]
    return bool(engine and chosen and matches(chosen, content_type))


def looks_like_text(path: Path) -> bool:
    """Whether a file begins as texts do. Some endings mislead: a program in TypeScript is said to be a film."""
    try:
        with path.open("rb") as opened:
            head = opened.read(_HEAD)
    except OSError:
        return False
    return bool(head) and b"\x00" not in head
