"""Pictures of users and models without one of their own: files that ship with the frontend."""

from __future__ import annotations

from pathlib import Path

from starlette.responses import FileResponse, RedirectResponse, Response


class DefaultPictures:
    """Finds the pictures that ship with the frontend; `directories` are searched in order."""

    def __init__(self, directories: list[Path]) -> None:
        self._directories = directories

    def response(self, name: str) -> Response:
        """The picture as a file, or a redirect to where the page has it."""
        for directory in self._directories:
            path = directory / name
            if path.is_file():
                return FileResponse(path, headers={"cache-control": "max-age=3600"})
        return RedirectResponse(f"/static/{name}", 302)
