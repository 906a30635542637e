"""Relationships between the parts of an Office document (Open Packaging Conventions)."""

from __future__ import annotations

import posixpath

from fastback.retrieval.extraction.formats import archive, xml_events
from fastback.retrieval.extraction.formats.xml_events import Attributes


def read_relationships(zip_archive: archive.Archive, part: str) -> dict[str, tuple[str, str]]:
    """Return the parts that a part refers to, by id: the kind of the relationship, and the name in the archive.

    The package itself is the part with an empty name.
    """
    folder, name = posixpath.split(part)
    relationships_part = posixpath.join(folder, "_rels", f"{name}.rels")
    relationships: dict[str, tuple[str, str]] = {}

    def start_element(name: str, attributes: Attributes) -> None:
        if name == "Relationship" and attributes.get("TargetMode") != "External":
            target = attributes.get("Target", "").replace("\\", "/")
            path = target.lstrip("/") if target.startswith("/") else posixpath.normpath(posixpath.join(folder, target))
            relationships[attributes.get("Id", "")] = (
                attributes.get("Type", "").rpartition("/")[2],
                zip_archive.find_name(path),
            )

    if relationships_part in zip_archive.names:
        with zip_archive.open_member(relationships_part) as stream:
            xml_events.parse_xml(stream, on_start=start_element)
    return relationships


def find_main_part(zip_archive: archive.Archive, usual_name: str) -> str:
    """Return the part that the package names as its document; `usual_name` where it names none that exists."""
    for kind, part in read_relationships(zip_archive, "").values():
        if kind == "officeDocument" and part in zip_archive.names:
            return part
    return zip_archive.find_name(usual_name)
