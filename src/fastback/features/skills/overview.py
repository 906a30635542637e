"""What models are shown of a skill: a page of its instructions, and the list of its files, both of limited length."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from fastback.config import Config
from fastback.config.keys.features import SKILLS_CONTENT_MAX_CHARS, SKILLS_PREVIEW_MAX_CHARS
from fastback.features.skills.files import MAIN_FILE
from fastback.features.skills.schemas import SkillFile

Json = dict[str, Any]

#: Characters of instructions for models without tools, which cannot read on.
INJECTION_LENGTH = 100_000
#: Characters of a page, and of the first page of instructions that are longer than one, unless configured.
_PAGE_LENGTH, _PREVIEW_LENGTH = 20_000, 5_000
#: Entries and characters (of JSON) of a list of files: for models that can read them, and for others.
_MAX_ENTRIES, _LIST_LENGTH, _UNREADABLE_LIST_LENGTH = 50, 2_500, 5_000
_OMITTED = "Additional supporting files omitted."


class PageLengths(msgspec.Struct, frozen=True):
    """Characters of a page, and of the first page of instructions that are longer than one."""

    page: int
    preview: int


def read_page_lengths(config: Config) -> PageLengths:
    """Return the configured lengths."""
    page, preview = config.get_number(SKILLS_CONTENT_MAX_CHARS), config.get_number(SKILLS_PREVIEW_MAX_CHARS)
    return PageLengths(int(page or _PAGE_LENGTH), int(preview or _PREVIEW_LENGTH))


def cut_page(content: str, offset: int, length: int) -> Json:
    """Return a part of a text, and where the next one begins: `{content, next_offset}`."""
    start = max(0, offset)
    end = start + max(1, length)
    return {"content": content[start:end], "next_offset": end if end < len(content) else None}


def build_overview(content: str, entries: list[Any], lengths: PageLengths | None, *, list_name: str = "files") -> Json:
    """Return the beginning of a skill's instructions, and its files: `{content, next_offset, files, notice?}`.

    Without `lengths` it is for a model that cannot read on. `list_name` is another name for `files`.
    """
    if lengths is None:
        page, list_length = cut_page(content, 0, INJECTION_LENGTH), _UNREADABLE_LIST_LENGTH
    else:
        is_long = len(content) > lengths.page
        page = cut_page(content, 0, min(lengths.preview, lengths.page) if is_long else lengths.page)
        list_length = _LIST_LENGTH
    return {**page, **_build_file_list(entries, list_length, list_name)}


def _build_file_list(entries: list[Any], limit: int, name: str) -> Json:
    selected: list[Any] = []
    length = 2
    for entry in entries[:_MAX_ENTRIES]:
        length += len(json.dumps(entry, ensure_ascii=False)) + (2 if selected else 0)
        if length > limit:
            break
        selected.append(entry)
    return {name: selected} if len(selected) == len(entries) else {name: selected, "notice": _OMITTED}


def render_skill(skill_id: str, name: str, files: list[SkillFile], lengths: PageLengths | None) -> str:
    """Return a skill as it goes into the system prompt; `lengths` as in `build_overview`."""
    content = next((file.content for file in files if file.path == MAIN_FILE), "")
    paths = [file.path for file in files if file.path != MAIN_FILE]
    overview = build_overview(content, paths, lengths)
    lines = [f'<skill id="{skill_id}" name="{name}">', *_render_content(skill_id, overview, lengths)]
    if overview["files"]:
        if lengths is None:
            lines.append("Supporting files require a model with skill tools enabled.")
        else:
            lines += ("Supporting files:", *overview["files"])
    if "notice" in overview:
        lines.append(overview["notice"])
    return "\n".join([*lines, "</skill>"])


def render_terminal_skill(
    skill_id: str, name: str, content: str, *, directory: str, resources: list[str], lengths: PageLengths | None
) -> str:
    """Return a skill in a terminal as it goes into the system prompt; `resources` are the paths of its other files."""
    overview = build_overview(content, resources, lengths, list_name="resources")
    lines = [f'<skill name="{name}">', *_render_content(skill_id, overview, lengths)]
    if directory:
        lines.append(f"<directory>{directory}</directory>")
    if overview["resources"]:
        lines += ("<resources>", *(f"<file>{path}</file>" for path in overview["resources"]), "</resources>")
    if "notice" in overview:
        lines.append(overview["notice"])
    return "\n".join([*lines, "</skill>"])


def _render_content(skill_id: str, overview: Json, lengths: PageLengths | None) -> list[str]:
    """Return the instructions, and where to read on."""
    lines = [overview["content"]]
    if overview["next_offset"] is not None:
        lines.append("Skill instructions truncated.")
        if lengths is not None:
            lines += (f"Skill ID: {json.dumps(skill_id)}.", f"next_offset: {overview['next_offset']}")
    return lines
