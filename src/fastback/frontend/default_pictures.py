"""Default profile pictures of users and models, from the files of the frontend."""

from __future__ import annotations

from pathlib import Path

from starlette.responses import FileResponse, RedirectResponse, Response


class DefaultPictures:
    """Find default pictures; `directories` are searched in order."""

    def __init__(self, directories: list[Path]) -> None:
        self._directories = directories

    def build_response(self, name: str) -> Response:
        """Return the picture as a file, or a redirect to its URL in the frontend."""
        for directory in self._directories:
            path = directory / name
            if path.is_file():
                return FileResponse(path, headers={"cache-control": "max-age=3600"})
        return RedirectResponse(f"/static/{name}", 302)
