"""What the text of a plugin says before anybody runs it."""

from __future__ import annotations

import re

_FIELD = re.compile(r"^\s*([a-z_]+):\s*(.*)\s*$", re.IGNORECASE)
#: Places of modules that moved long ago; plugins still name the old ones.
_MOVED = ("utils", "apps", "main", "config")


def frontmatter(content: str) -> dict[str, str]:
    """The fields of the docstring that a plugin begins with: title, author, version, requirements and others."""
    lines = content.splitlines()
    found: dict[str, str] = {}
    if not lines or lines[0].strip() != '"""':
        return found
    for line in lines[1:]:
        if '"""' in line:
            break
        if match := _FIELD.match(line):
            found[match[1]] = match[2].strip()
    return found


def with_present_imports(content: str) -> str:
    """The plugin with the modules it imports under the names they have today."""
    for name in _MOVED:
        content = content.replace(f"from {name}", f"from open_webui.{name}")
    return content
