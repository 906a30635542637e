"""Exported skills: read them from JSON, archives and Markdown, and write them into archives.

Problems are raised as `ValueError`; its message is for the user who imports the file. Large imports take long: call
these functions in a thread.
"""

from __future__ import annotations

import datetime
import io
import json
import re
import stat
import zipfile
import zlib
from typing import Any

import msgspec

from fastback.features.skills import files as skill_files
from fastback.features.skills.files import (
    LARGEST_FILE,
    MAIN_FILE,
    build_file,
    decode_content,
    get_main_text,
    require_valid_path,
)
from fastback.features.skills.schemas import SkillFile
from fastback.kit.json_decoding import decode_json

#: Limits of an import: its size, compressed and uncompressed (bytes), and its number of files.
LARGEST_IMPORT = 200 * 1024**2
MAX_FILES = 10_000
#: The longest frontmatter of a main file that is parsed (characters).
LONGEST_FRONTMATTER = 64 * 1024

_FRONTMATTER = re.compile(r"\A---[ \t]*\r?\n(.*?)\r?\n---[ \t]*(?:\r?\n|$)", re.DOTALL)
_FOLDER_NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_UNSAFE_IN_IDS = re.compile(r"[^a-z0-9_-]+")
_TOO_LARGE = "Archive exceeds import limits"
_LINKS = "Archives cannot contain links or special files"
#: Compression methods that cannot expand a few bytes without limit.
_COMPRESSION_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


class Package(msgspec.Struct):
    """A skill in an import."""

    id: str
    name: str
    description: Any
    meta: dict[str, Any]
    files: list[SkillFile]
    is_active: bool | msgspec.UnsetType = msgspec.UNSET


def parse_frontmatter(text: str) -> dict[str, Any]:
    """Return the scalar fields in the frontmatter of a main file: YAML between two lines of dashes."""
    match = _FRONTMATTER.match(text)
    if match is None or len(match[1]) > LONGEST_FRONTMATTER:
        return {}
    import yaml  # imported here because it is slow, and only this function needs it

    try:
        fields = yaml.safe_load(match[1])
    except (yaml.YAMLError, ValueError, RecursionError):
        return {}
    scalar_types = (str, int, float, datetime.date, type(None))
    if not isinstance(fields, dict):
        return {}
    return {str(key): value for key, value in fields.items() if isinstance(value, scalar_types)}


def parse_packages(
    content: bytes, filename: str, *, discover: bool = False, folder: str | None = None
) -> list[Package]:
    """Return the skills in a file; the extension of its name tells the format.

    With `discover` an archive may contain other files beside the skills; `folder` limits the search to a folder inside
    the archive's top folder.

    Raises:
        ValueError: the file is invalid.
    """
    if len(content) > LARGEST_IMPORT:
        raise ValueError("Import exceeds 200 MiB")
    name = filename.lower()
    if name.endswith(".json"):
        value = decode_json(content, json.loads)
        return _build_packages(value if isinstance(value, list) else [value])
    if name.endswith((".zip", ".skill")):
        entries, links = _unpack(content, discover=discover, folder=folder)
        roots = [""] if MAIN_FILE in entries else find_roots(list(entries))
        if not roots:
            raise ValueError("Archive contains no SKILL.md")
        if any(path.startswith(root) for path in links for root in roots):
            raise ValueError(_LINKS)
        if not discover and any(not path.startswith(tuple(roots)) for path in entries):
            raise ValueError("Archive contains files outside skill directories")
        return build_packages_by_folder([build_file(path, entries[path]) for path in entries], roots)
    if name.endswith(".md"):
        return _build_packages([{"files": [build_file(MAIN_FILE, content)]}])
    raise ValueError("Use JSON, ZIP, .skill, or Markdown")


def find_roots(paths: list[str]) -> list[str]:
    """Return the folders with a main file, as path prefixes; a folder inside another one belongs to that one."""
    roots = sorted(path.removesuffix(MAIN_FILE) for path in paths if path.endswith("/" + MAIN_FILE))
    return [root for root in roots if not any(root != outer and root.startswith(outer) for outer in roots)]


def build_packages_by_folder(files: list[SkillFile], roots: list[str]) -> list[Package]:
    """Return a skill for each folder.

    Raises:
        ValueError: a skill is invalid.
    """
    return _build_packages(
        {
            "files": [
                SkillFile(file.path.removeprefix(root), file.content, file.encoding)
                for file in files
                if file.path.startswith(root)
            ]
        }
        for root in roots
    )


def _unpack(content: bytes, *, discover: bool, folder: str | None) -> tuple[dict[str, bytes], list[str]]:
    """Return the files of an archive by path, and the links in it; unpack no more than the limits allow."""
    if content.count(b"PK\x01\x02") > 2 * MAX_FILES:
        raise ValueError(_TOO_LARGE)  # checked before zipfile reads the list of files
    entries: dict[str, bytes] = {}
    links: list[str] = []
    total = 0
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for info in archive.infolist():
            path = require_valid_path(info.filename.rstrip("/"))
            is_special = stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR)
            if is_special and not discover:
                raise ValueError(_LINKS)
            if info.is_dir():
                continue
            if folder is not None:
                path = path.partition("/")[2]
                if not path.startswith(folder):
                    continue
            if is_special:
                links.append(path)
                continue
            if path in entries:
                raise ValueError(f"Duplicate archive path: {path}")
            total += info.file_size
            if info.file_size > LARGEST_FILE or total > LARGEST_IMPORT or len(entries) >= MAX_FILES:
                raise ValueError(_TOO_LARGE)
            entries[path] = _read_entry(archive, info)
    return entries, links


def _read_entry(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    """Return the content of a file in an archive; never more bytes than its entry declares."""
    if info.flag_bits & 1:
        raise ValueError("Encrypted skill archives are not supported")
    if info.compress_type not in _COMPRESSION_METHODS:
        raise ValueError("Skill archive uses an unsupported compression method")
    try:
        with archive.open(info) as file:
            return file.read(info.file_size)
    except (zlib.error, EOFError, NotImplementedError) as error:
        raise zipfile.BadZipFile(str(error)) from error


def _build_packages(entries: Any) -> list[Package]:
    """Return the skills of decoded entries.

    Raises:
        ValueError: an entry is invalid, or the import is too large.
    """
    packages: list[Package] = []
    total = 0
    for entry in entries:
        if not isinstance(entry, dict):
            raise ValueError("Each imported skill must be an object")
        sent_files = entry["files"] if "files" in entry else [{"path": MAIN_FILE, "content": entry.get("content", "")}]
        try:
            files = skill_files.validate_files(msgspec.convert(sent_files, list[SkillFile]))
        except msgspec.ValidationError as error:
            raise ValueError(str(error)) from None
        total += sum(skill_files.get_size(file) for file in files)
        if total > LARGEST_IMPORT:
            raise ValueError("Import exceeds 200 MiB decoded")
        frontmatter = parse_frontmatter(get_main_text(files))
        name = str(entry.get("name") or frontmatter.get("name") or "Imported skill")
        package = Package(
            str(entry.get("id") or _UNSAFE_IN_IDS.sub("-", name.lower()).strip("-") or "imported-skill"),
            name,
            entry.get("description", frontmatter.get("description", "")),
            entry.get("meta") or {},
            files,
        )
        if "is_active" in entry:
            package.is_active = entry["is_active"]
        packages.append(package)
    return packages


def build_archive(skills: list[tuple[str, list[SkillFile]]]) -> bytes:
    """Return a ZIP archive with a folder for each skill; skills are given by id and files.

    Raises:
        ValueError: two skills would have the same folder.
    """
    buffer, roots = io.BytesIO(), set()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for skill_id, files in skills:
            name = parse_frontmatter(get_main_text(files)).get("name")
            root = require_valid_path(name if isinstance(name, str) and _FOLDER_NAME.fullmatch(name) else skill_id)
            if root in roots:
                raise ValueError("Selected skills have duplicate export directory names")
            roots.add(root)
            for file in files:
                archive.writestr(f"{root}/{require_valid_path(file.path)}", decode_content(file))
    return buffer.getvalue()
