"""Attached knowledge: what the model, the chat's folder and the question have for tools to search."""

from __future__ import annotations

import html
from collections.abc import Collection
from typing import Any

from fastback.completions.sources.item_lookup import ItemLookup
from fastback.completions.sources.items import Item, parse_id
from fastback.completions.turn import Turn
from fastback.features.prompts import system_messages

_KINDS = ("file", "collection", "note")


class AttachedKnowledge:
    """Lists the attached knowledge of turns."""

    def __init__(self, lookup: ItemLookup) -> None:
        self._lookup = lookup

    async def list_items(self, turn: Turn) -> list[Item]:
        """Return `{type, id, name, source, …}` of each file, knowledge and note, in a stable order, each once.

        `source` is `model`, `folder` or `chat`. Entries of a folder are those that its owner may read. The collections
        and notes of the question count where the model does not read files into its prompt.
        """
        entries: list[tuple[str, Any]] = [("model", entry) for entry in _to_list(turn.model.own_meta.get("knowledge"))]
        if turn.folder.files_folder_id:
            folder_entries = await self._lookup.list_folder_entries(turn.folder.files_folder_id, turn.user)
            entries += [("folder", entry) for entry in folder_entries]
        if not reads_files(turn):
            entries += [
                ("chat", {name: entry.get(name) for name in ("type", "id", "name")})
                for entry in turn.request.files or []
                if isinstance(entry, dict) and entry.get("type") in ("collection", "note")
            ]
        items: dict[tuple[str, str], Item] = {}
        for source, entry in entries:
            if is_searchable(entry):
                items.setdefault((entry["type"], entry["id"]), {**entry, "source": source})
        return list(items.values())


def reads_files(turn: Turn) -> bool:
    """Return whether the files of a question are read into the prompt."""
    capabilities = turn.model.own_meta.get("capabilities")
    return not isinstance(capabilities, dict) or capabilities.get("file_context", True) is not False


def is_searchable(entry: Any) -> bool:
    """Return whether tools can search an entry; those of old models name collections of passages instead."""
    return isinstance(entry, dict) and entry.get("type") in _KINDS and parse_id(entry.get("id")) is not None


def list_ids(items: Collection[Item], kind: str) -> list[str]:
    """Return the ids of the items of a type."""
    return [item["id"] for item in items if item["type"] == kind]


def add_items_to_prompt(turn: Turn) -> None:
    """Name the attached knowledge in the system prompt, in place."""
    tags = [_build_tag(item) for item in turn.attached_knowledge]
    if tags:
        text = "\n".join(["<attached_knowledge>", *tags, "</attached_knowledge>"])
        turn.messages = system_messages.add_system_text(turn.messages, text, append=True)


def _build_tag(item: Item) -> str:
    attributes = " ".join(
        f'{name}="{html.escape(str(item[name]))}"' for name in ("type", "id", "name", "source") if item.get(name)
    )
    return f"<knowledge {attributes}/>"


def _to_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
