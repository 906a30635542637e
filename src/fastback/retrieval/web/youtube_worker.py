"""Retrieve the transcript of a YouTube video in a worker process: the worker's side of `youtube`."""

from __future__ import annotations

import ssl
from typing import Any
from xml.etree.ElementTree import ParseError

import requests
import requests.adapters
import youtube_transcript_api as api

from fastback.kit.workers.errors import JobFailed

#: Seconds that YouTube may take to begin or to continue a response.
_SECONDS = 30
_BLOCKED = (
    "YouTube blocked the transcript request for {} from this server. This usually means the server address is rate "
    "limited or belongs to a cloud provider. A proxy for these requests can be configured under Admin Settings, Web "
    "Search, Youtube Proxy URL."
)
#: The error text for a video without a transcript, by the library's error.
_REASONS: tuple[tuple[type[Exception], str], ...] = (
    (api.RequestBlocked, _BLOCKED),
    (api.AgeRestricted, "The YouTube video {} is age restricted, so its transcript cannot be retrieved."),
    (api.VideoUnavailable, "The YouTube video {} is unavailable."),
    (api.VideoUnplayable, "The YouTube video {} is unavailable."),
    (api.InvalidVideoId, "The YouTube video {} is unavailable."),
    (api.TranscriptsDisabled, "Transcripts are disabled for the YouTube video {}."),
    (api.PoTokenRequired, "YouTube requires additional verification to return the transcript for {}."),
)


class _TrustingAdapter(requests.adapters.HTTPAdapter):
    """Trust the certificate authorities of the system, as the server does, and time out when no data arrives."""

    def __init__(self, verify: bool | str) -> None:
        self._context = ssl.create_default_context() if verify is True else None
        super().__init__()

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        super().init_poolmanager(*arguments, ssl_context=self._context, **options)

    def proxy_manager_for(self, *arguments: Any, **options: Any) -> Any:
        return super().proxy_manager_for(*arguments, ssl_context=self._context, **options)

    def send(self, request: Any, **options: Any) -> requests.Response:  # type: ignore[override]
        return super().send(request, **{**options, "timeout": _SECONDS})


def open_session(proxy: str | None, verify: bool | str) -> requests.Session:
    """Return a client for YouTube.

    `proxy` takes precedence over those of the environment; `verify` is the result of
    `settings.tls.get_client_authorities`.
    """
    session = requests.Session()
    for scheme in ("http://", "https://"):
        session.mount(scheme, _TrustingAdapter(verify))
    session.verify = verify
    if proxy:
        session.proxies = {"http": proxy, "https": proxy}
    return session


def handle(job: dict[str, Any]) -> str:
    """Return the transcript of `video` in the first of the `languages` that it has.

    Raises:
        JobFailed: no transcript can be retrieved.
    """
    with open_session(job["proxy"], job["verify"]) as session:
        return fetch_transcript(session, job["video"], job["languages"])


def fetch_transcript(session: requests.Session, video: str, languages: list[str]) -> str:
    """Return the same as `handle`, with a given client."""
    try:
        transcripts = api.YouTubeTranscriptApi(http_client=session).list(video)
        if not list(transcripts):
            raise api.TranscriptsDisabled(video)
        for language in languages:
            text = _fetch_language(transcripts, language)
            if text:
                return text
    except tuple(error for error, _ in _REASONS) as error:
        reason = next(reason for kind, reason in _REASONS if isinstance(error, kind))
        raise JobFailed(reason.format(video)) from error
    except Exception as error:  # YouTube sent something unexpected, or the network failed
        raise JobFailed(f"Could not retrieve a transcript for the YouTube video {video}.") from error
    raise JobFailed(f"No transcript found for the YouTube video {video} in these languages: {', '.join(languages)}.")


def _fetch_language(transcripts: api.TranscriptList, language: str) -> str:
    """Return the text in a language, preferably one that people wrote; empty where the video has none."""
    try:
        snippets = transcripts.find_transcript([language]).fetch()
    except (api.NoTranscriptFound, ParseError):
        return ""
    return " ".join(snippet.text.strip(" ") for snippet in snippets)
