"""Read and adapt the source code of a plugin without running it."""

from __future__ import annotations

import hashlib
import re

_FIELD = re.compile(r"^\s*([a-z_]+):\s*(.*)\s*$", re.IGNORECASE)
#: Modules that once were at top level; plugins still import them under these names.
_MOVED_MODULES = ("utils", "apps", "main", "config")


def parse_frontmatter(content: str) -> dict[str, str]:
    """Return the fields in the docstring at the start of a plugin: title, author, version, requirements and others."""
    lines = content.splitlines()
    fields: dict[str, str] = {}
    if not lines or lines[0].strip() != '"""':
        return fields
    for line in lines[1:]:
        if '"""' in line:
            break
        if match := _FIELD.match(line):
            fields[match[1]] = match[2].strip()
    return fields


def get_requirements(content: str) -> str:
    """Return the `requirements` of a plugin's docstring, as its author wrote them; empty without such a field."""
    return parse_frontmatter(content).get("requirements", "")


def update_imports(content: str) -> str:
    """Return the source code with moved modules imported under their current names."""
    for name in _MOVED_MODULES:
        content = content.replace(f"from {name}", f"from open_webui.{name}")
    return content


def get_version(content: str) -> str:
    """Return a text that changes with the code."""
    return hashlib.blake2b(content.encode("utf-8", "replace"), digest_size=8).hexdigest()
