"""What is said in a video on YouTube: its subtitles, as text."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qs, urlsplit
from xml.etree import ElementTree

import aiohttp
import msgspec

from fastback.retrieval.interfaces import Document, RetrievalError
from fastback.retrieval.web.search_request import limited

#: Where videos are looked at, and the longest page and answer of theirs (bytes). Seconds a request may take.
SITE, LONGEST, SECONDS = "https://www.youtube.com", 16 * 1024 * 1024, 30.0

_VIDEO = re.compile(r"(https?://)?(www\.)?(youtube\.com|youtu\.be)/.+")
_HOSTS = ("youtu.be", "m.youtube.com", "youtube.com", "www.youtube.com", "www.youtube-nocookie.com", "vid.plus")
_KEY = re.compile(r'"INNERTUBE_API_KEY":\s*"([a-zA-Z0-9_-]+)"')
_CONSENT = re.compile(r'name="v" value="(.*?)"')
_CLIENT = {"client": {"clientName": "ANDROID", "clientVersion": "20.10.38"}}
_TAGS = re.compile(r"<[^>]*>")


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


class _Refused(Exception):
    """Why YouTube gives no subtitles; in words for whoever asked."""


def _blocked(video: str) -> _Refused:
    return _Refused(
        f"YouTube blocked the transcript request for {video} from this server. This usually means the server address "
        "is rate limited or belongs to a cloud provider. A proxy for these requests can be configured under Admin "
        "Settings, Web Search, Youtube Proxy URL."
    )


class _Asking:
    """Requests to YouTube for one video."""

    def __init__(self, client: aiohttp.ClientSession, video: str, proxy: str | None) -> None:
        self._client = client
        self._video = video
        self._options: dict[str, Any] = {"proxy": proxy, "timeout": aiohttp.ClientTimeout(total=SECONDS)}
        self._headers = {"accept-language": "en-US"}

    async def ask(self, method: str, url: str, **more: Any) -> bytes:
        async with self._client.request(method, url, headers=self._headers, **self._options, **more) as response:
            body = await limited(response, LONGEST)
            if response.status == 429:
                raise _blocked(self._video)
            response.raise_for_status()
            return body

    async def page(self) -> str:
        """The page of the video, cookies agreed to where that is asked first."""
        for _ in range(2):
            body = await self.ask("GET", f"{SITE}/watch?v={self._video}")
            found = html.unescape(body.decode("utf-8", "replace"))
            if 'action="https://consent.youtube.com/s"' not in found:
                return found
            value = _CONSENT.search(found)
            if value is None:
                break
            self._headers["cookie"] = f"CONSENT=YES+{value.group(1)}"
        raise ValueError("cookies cannot be agreed to")

    async def tracks(self) -> list[dict[str, Any]]:
        """What subtitles there are. Raises: _Refused."""
        page = await self.page()
        key = _KEY.search(page)
        if key is None:
            if 'class="g-recaptcha"' in page:
                raise _blocked(self._video)
            raise ValueError("the page holds no key")
        body = {"context": _CLIENT, "videoId": self._video}
        answer = msgspec.json.decode(await self.ask("POST", f"{SITE}/youtubei/v1/player?key={key.group(1)}", json=body))
        self._check(answer.get("playabilityStatus") or {})
        listed = ((answer.get("captions") or {}).get("playerCaptionsTracklistRenderer") or {}).get("captionTracks")
        if not listed:
            raise _Refused(f"Transcripts are disabled for the YouTube video {self._video}.")
        return [one for one in listed if isinstance(one, dict)]

    def _check(self, status: dict[str, Any]) -> None:
        said, reason = status.get("status"), str(status.get("reason") or "")
        if said in (None, "OK"):
            return
        if said == "LOGIN_REQUIRED" and "not a bot" in reason:
            raise _blocked(self._video)
        if said == "LOGIN_REQUIRED" and "inappropriate" in reason:
            raise _Refused(f"The YouTube video {self._video} is age restricted, so its transcript cannot be retrieved.")
        raise _Refused(f"The YouTube video {self._video} is unavailable.")

    async def text(self, track: dict[str, Any]) -> str:
        """The words of a track; empty where there are none."""
        address = str(track.get("baseUrl") or "").replace("&fmt=srv3", "")
        if "&exp=xpe" in address:
            raise _Refused(f"YouTube requires additional verification to return the transcript for {self._video}.")
        body = await self.ask("GET", address)
        if b"<!DOCTYPE" in body or b"<!ENTITY" in body:
            raise ValueError("a transcript with declarations")
        try:
            root = ElementTree.fromstring(body)
        except ElementTree.ParseError:
            return ""
        return " ".join(_TAGS.sub("", html.unescape(one.text)).strip(" ") for one in root if one.text is not None)


def chosen(tracks: Sequence[dict[str, Any]], language: str) -> dict[str, Any] | None:
    """The track in a language, one that people wrote before one that was made by a machine."""
    fitting = [one for one in tracks if one.get("languageCode") == language]
    return next((one for one in fitting if one.get("kind") != "asr"), fitting[0] if fitting else None)


async def transcript(
    client: aiohttp.ClientSession, url: str, languages: Sequence[str], proxy: str | None = None
) -> Document:
    """The transcript of a video in the first of the languages that it has; English is always the last of them.

    Raises:
        TranscriptError: there is none to be had.
    """
    video = video_id(url)
    wanted = list(languages) if "en" in languages else [*languages, "en"]
    ctx = _Asking(client, video, proxy)
    try:
        tracks = await ctx.tracks()
        for language in wanted:
            track = chosen(tracks, language)
            text = await ctx.text(track) if track is not None else ""
            if text:
                return Document(text, {"source": url})
    except _Refused as error:
        raise TranscriptError(str(error)) from error
    except (aiohttp.ClientError, TimeoutError, ValueError, AttributeError, TypeError) as error:
        raise TranscriptError(f"Could not retrieve a transcript for the YouTube video {video}.") from error
    raise TranscriptError(f"No transcript found for the YouTube video {video} in these languages: {', '.join(wanted)}.")
