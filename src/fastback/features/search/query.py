"""A search by a user: the words, and the places that are searched."""

from __future__ import annotations

from typing import Literal

import msgspec

from fastback.access.identity import User
from fastback.features.channels.search import SearchedChannel
from fastback.features.search.store import Folder

Sharing = Literal["all", "mine", "shared"]


class WorkspaceQuery(msgspec.Struct):
    """A search by a user.

    `scope`: the ids of the folders to search; None for all places. `channels`: the channels to search; `in_channel`:
    whether nothing else is.
    """

    user: User
    group_ids: list[str]
    folders: list[Folder]
    query: str
    sharing: Sharing = "all"
    scope: list[str] | None = None
    channels: list[SearchedChannel] = []
    in_channel: bool = False

    @property
    def folder_ids(self) -> list[str]:
        """The ids of the folders whose chats the user may read."""
        return [folder.id for folder in self.folders]


def list_descendant_ids(folders: list[Folder], start: set[str]) -> set[str]:
    """Return the ids in `start` and those of all folders below them."""
    folder_ids = set(start)
    while children := {folder.id for folder in folders if folder.parent_id in folder_ids} - folder_ids:
        folder_ids |= children
    return folder_ids
