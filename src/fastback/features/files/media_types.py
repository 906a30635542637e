"""Media types: matching them against patterns, and detecting text by its first bytes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

#: The types that count as speech if none are configured.
SPEECH_TYPES = ("audio/*", "video/webm")
_HEAD_BYTES = 8192


def _parse_media_type(text: str) -> tuple[str, str, dict[str, str]]:
    """Return type, subtype and parameters of a media type."""
    essence, *parameters = text.split(";")
    main_type, _, subtype = essence.strip().lower().partition("/")
    pairs = (parameter.partition("=") for parameter in parameters)
    return main_type, subtype, {name.strip(): value.strip() for name, _, value in pairs if name.strip() != "q"}


def is_supported_type(supported: Sequence[str], content_type: str) -> bool:
    """Return whether a media type matches one of the supported ones, which may contain `*`.

    The parameters of the closest pattern must match, too. An empty list means `SPEECH_TYPES`.
    """
    patterns = [pattern for pattern in supported if "/" in pattern] or SPEECH_TYPES
    main_type, content_subtype, parameters = _parse_media_type(content_type)
    if not content_subtype:
        return False
    best: tuple[int, dict[str, str]] | None = None
    for pattern in patterns:
        pattern_type, pattern_subtype, required = _parse_media_type(pattern)
        if pattern_type not in ("*", main_type) and main_type != "*":
            continue
        if pattern_subtype not in ("*", content_subtype) and content_subtype != "*":
            continue
        closeness = 100 * (pattern_type == main_type) + 10 * (pattern_subtype == content_subtype)
        closeness += sum(parameters.get(name) == value for name, value in required.items())
        if best is None or closeness > best[0]:
            best = closeness, required
    return best is not None and all(parameters.get(name) == value for name, value in best[1].items())


def is_speech(supported: Sequence[str], content_type: str) -> bool:
    """Return whether files of this type are transcribed, by `audio.stt.supported_content_types`."""
    return is_supported_type(supported, content_type)


def can_extract(engine: str, supported: Sequence[str] | None, content_type: str) -> bool:
    """Return whether the extraction engine takes images or videos of this type.

    Without a list (None) only an external engine takes them, all of them.
    """
    if supported is None:
        return engine == "external"
    patterns = [pattern.strip() for pattern in supported if pattern.strip()]
    return bool(engine and patterns and is_supported_type(patterns, content_type))


def is_probably_text(path: Path) -> bool:
    """Return whether a file begins like a text. Extensions mislead: TypeScript (`.ts`) is declared as a video."""
    try:
        with path.open("rb") as source:
            head = source.read(_HEAD_BYTES)
    except OSError:
        return False
    return bool(head) and b"\x00" not in head
