"""Transcripts of YouTube videos. A worker requests them (`youtube_worker`)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import parse_qs, urlsplit

from fastback.kit.workers.errors import JobFailed, WorkerDied
from fastback.kit.workers.pool import Limits, WorkerPool
from fastback.retrieval.interfaces import Document, RetrievalError

#: A YouTube page and a transcript are some megabytes in size; the time allows for several requests.
LIMITS = Limits(processes=2, seconds=120, memory=1024 * 1024 * 1024, idle=20, jobs=100)

_VIDEO = re.compile(r"(https?://)?(www\.)?(youtube\.com|youtu\.be)/.+")
_HOSTS = ("youtu.be", "m.youtube.com", "youtube.com", "www.youtube.com", "www.youtube-nocookie.com", "vid.plus")


class TranscriptError(RetrievalError):
    """No transcript can be retrieved; the text is for the user who requested it."""


def is_video(url: str) -> bool:
    """Return whether a URL is that of a YouTube video."""
    return _VIDEO.match(url) is not None


def get_video_id(url: str) -> str:
    """Return the id of a video; the whole URL where it contains no valid id."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or parts.netloc not in _HOSTS:
        return url
    if parts.path.endswith("/watch"):
        identifier = parse_qs(parts.query).get("v", [""])[0]
    else:
        identifier = parts.path.lstrip("/").split("/")[-1]
    return identifier if len(identifier) == 11 else url


async def fetch_transcript(
    workers: WorkerPool, url: str, languages: Sequence[str], *, proxy: str | None = None, verify: bool | str = True
) -> Document:
    """Return the transcript of a video in the first of the languages that it has; English is always the last of them.

    `verify` says how certificates are checked, as `settings.tls.get_client_authorities` does.

    Raises:
        TranscriptError: no transcript can be retrieved.
    """
    video = get_video_id(url)
    languages_to_try = list(languages) if "en" in languages else [*languages, "en"]
    job = {"video": video, "languages": languages_to_try, "proxy": proxy, "verify": verify}
    try:
        text: str = await workers.run_job(job)
    except JobFailed as error:
        raise TranscriptError(str(error)) from error
    except WorkerDied as error:
        raise TranscriptError(f"Could not retrieve a transcript for the YouTube video {video}.") from error
    return Document(text, {"source": url})
