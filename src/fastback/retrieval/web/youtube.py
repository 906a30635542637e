"""What is said in a video on YouTube: its subtitles, as text. A worker asks for them (`youtube_worker`)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import parse_qs, urlsplit

from fastback.kit.workers.errors import JobFailed, WorkerDied
from fastback.kit.workers.pool import Limits, Workers
from fastback.retrieval.interfaces import Document, RetrievalError

#: A page of YouTube and a transcript are some megabytes; the time is that of several requests.
LIMITS = Limits(processes=2, seconds=120, memory=1024 * 1024 * 1024, idle=20, jobs=100)

_VIDEO = re.compile(r"(https?://)?(www\.)?(youtube\.com|youtu\.be)/.+")
_HOSTS = ("youtu.be", "m.youtube.com", "youtube.com", "www.youtube.com", "www.youtube-nocookie.com", "vid.plus")


class TranscriptError(RetrievalError):
    """There is no transcript to be had, in words for whoever asked."""


def is_video(url: str) -> bool:
    return _VIDEO.match(url) is not None


def video_id(url: str) -> str:
    """The id of a video; the address itself where it has none of the right form."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or parts.netloc not in _HOSTS:
        return url
    if parts.path.endswith("/watch"):
        found = parse_qs(parts.query).get("v", [""])[0]
    else:
        found = parts.path.lstrip("/").split("/")[-1]
    return found if len(found) == 11 else url


async def transcript(
    workers: Workers, url: str, languages: Sequence[str], *, proxy: str | None = None, verify: bool | str = True
) -> Document:
    """Return the transcript of a video in the first of the languages that it has; English is always the last of them.

    `verify` says how certificates are checked, as `settings.tls.client_authorities` does.

    Raises:
        TranscriptError: there is none to be had.
    """
    video = video_id(url)
    known = list(languages) if "en" in languages else [*languages, "en"]
    job = {"video": video, "languages": known, "proxy": proxy, "verify": verify}
    try:
        text: str = await workers.ask(job)
    except JobFailed as error:
        raise TranscriptError(str(error)) from error
    except WorkerDied as error:
        raise TranscriptError(f"Could not retrieve a transcript for the YouTube video {video}.") from error
    return Document(text, {"source": url})
