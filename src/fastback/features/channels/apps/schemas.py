"""What apps write into channels, and what they ask for: messages with cards and buttons, replies, and requests."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import msgspec

#: Characters of all cards of a message together.
MAX_EMBED_TEXT = 6000

_Id = Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=256)]
_Url = Annotated[str, msgspec.Meta(max_length=2048)]


class Invitation(msgspec.Struct, forbid_unknown_fields=True):
    """The app to invite."""

    app_id: str


class InteractionForm(msgspec.Struct, forbid_unknown_fields=True):
    """A button that a user has pressed."""

    message_id: str
    action_id: _Id


class TokenForm(msgspec.Struct, forbid_unknown_fields=True):
    """A context token that an app has received."""

    token: Annotated[str, msgspec.Meta(max_length=1024 * 1024)]


class HistoryForm(msgspec.Struct, forbid_unknown_fields=True):
    """A page of a channel or of a thread (`parent_id`), with messages older than the message `before`."""

    channel_id: str
    parent_id: str | None = None
    before: str | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=100)] = 50


class EmbedAuthor(msgspec.Struct, forbid_unknown_fields=True):
    """The line above the title of a card."""

    name: _Name


class EmbedFooter(msgspec.Struct, forbid_unknown_fields=True):
    """The line below a card."""

    text: Annotated[str, msgspec.Meta(min_length=1, max_length=2048)]


class EmbedThumbnail(msgspec.Struct, forbid_unknown_fields=True):
    """A picture in a card."""

    url: _Url

    def __post_init__(self) -> None:
        _check_url(self.url)


class EmbedField(msgspec.Struct, forbid_unknown_fields=True):
    """A name and a value in a card."""

    name: _Name
    value: Annotated[str, msgspec.Meta(min_length=1, max_length=1024)]
    inline: bool = False


class Embed(msgspec.Struct, forbid_unknown_fields=True):
    """A card; `color` is 24 bits of red, green and blue."""

    title: Annotated[str, msgspec.Meta(max_length=256)] = ""
    description: Annotated[str, msgspec.Meta(max_length=4096)] = ""
    url: _Url | None = None
    color: Annotated[int, msgspec.Meta(ge=0, le=0xFFFFFF)] | None = None
    author: EmbedAuthor | None = None
    footer: EmbedFooter | None = None
    thumbnail: EmbedThumbnail | None = None
    fields: Annotated[list[EmbedField], msgspec.Meta(max_length=25)] = []

    def __post_init__(self) -> None:
        if self.url is not None:
            _check_url(self.url)

    @property
    def text_length(self) -> int:
        """The characters of the card."""
        names = len(self.author.name) if self.author else 0
        footer = len(self.footer.text) if self.footer else 0
        fields = sum(len(field.name) + len(field.value) for field in self.fields)
        return len(self.title) + len(self.description) + names + footer + fields


class Action(msgspec.Struct, forbid_unknown_fields=True):
    """A button: it opens an address, or asks the app (`action_id`), which gets back the `context`."""

    action_id: _Id | None = None
    label: Annotated[str, msgspec.Meta(min_length=1, max_length=200)] = msgspec.field(default="")
    url: _Url | None = None
    context: dict[str, Any] = {}

    def __post_init__(self) -> None:
        if not self.label:
            raise ValueError("a label is required")
        if self.url is not None:
            _check_url(self.url)
        if (self.action_id is None) == (self.url is None):
            raise ValueError("Provide exactly one of action_id or url")
        if self.url and self.context:
            raise ValueError("Link actions cannot have interaction context")


class AppMessage(msgspec.Struct, forbid_unknown_fields=True):
    """A message of an app."""

    content: Annotated[str, msgspec.Meta(max_length=32_000)] = ""
    actions: Annotated[list[Action], msgspec.Meta(max_length=30)] = []
    embeds: Annotated[list[Embed], msgspec.Meta(max_length=10)] = []
    reply_to_id: str | None = None
    parent_id: str | None = None

    def __post_init__(self) -> None:
        if sum(embed.text_length for embed in self.embeds) > MAX_EMBED_TEXT:
            raise ValueError("Embeds must not exceed 6000 characters per message")

    @property
    def data(self) -> dict[str, Any]:
        """The `data` of the stored message."""
        return {"app": {"actions": msgspec.to_builtins(self.actions), "embeds": msgspec.to_builtins(self.embeds)}}


class AppReply(AppMessage, forbid_unknown_fields=True):
    """The answer of an app to a user: for the channel or for the user alone, a change of its message, or a file."""

    type: Literal["message", "update", "ack", "download", "error"] = "message"
    visibility: Literal["private", "channel"] = "private"
    title: Annotated[str, msgspec.Meta(max_length=200)] = ""
    filename: Annotated[str, msgspec.Meta(pattern=r"^[a-zA-Z0-9_.-]{1,100}\.md\Z")] = "report.md"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.embeds and self.type not in ("message", "update"):
            raise ValueError("Embeds require a message or update response")
        texts = (self.content, self.title, self.parent_id, self.reply_to_id)
        if self.type == "ack" and (any(texts) or self.embeds or self.actions):
            raise ValueError("Acknowledgements cannot contain a message")


def _check_url(url: str) -> None:
    """Check an address that pages open.

    Raises:
        ValueError: it is not HTTP, has credentials, or contains spaces.
    """
    parts = urlsplit(url)
    is_valid = parts.scheme in ("http", "https") and parts.hostname and parts.username is None
    if not is_valid or parts.password is not None or any(ord(char) <= 32 for char in url):
        raise ValueError("An HTTP(S) URL without credentials is required")
