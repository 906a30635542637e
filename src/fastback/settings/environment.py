"""Sources of variables: command-line options, the process environment, `.env`; `NAME_FILE` works in each of them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path


class SettingsError(Exception):
    """A variable has an invalid value; the text is one line that names the variable."""


class Environment(Mapping[str, str]):
    """Variables of several sources; the first source that contains a name takes precedence.

    `NAME_FILE` names a file whose content, stripped, is the value of `NAME`. It is used if its own source does not set
    `NAME` or sets it to an empty text.
    """

    def __init__(self, *sources: Mapping[str, str]) -> None:
        self._sources = sources

    def __getitem__(self, name: str) -> str:
        for source in self._sources:
            value = source.get(name)
            if value:
                return value
            path = source.get(f"{name}_FILE")
            if path:
                try:
                    return Path(path).read_text(encoding="utf-8").strip()
                except FileNotFoundError as error:
                    # The container of Open WebUI creates this file at its first start, and Fastback does, too.
                    if name == "WEBUI_SECRET_KEY":
                        raise KeyError(name) from error
                    raise SettingsError(f"{name}_FILE: cannot read {path}: {error.strerror}") from error
                except (OSError, UnicodeDecodeError) as error:
                    reason = error.strerror if isinstance(error, OSError) else "not a text"
                    raise SettingsError(f"{name}_FILE: cannot read {path}: {reason}") from error
            if value is not None:
                return value
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter({name: None for source in self._sources for name in source})

    def __len__(self) -> int:
        return sum(1 for _ in self)


def read_environment(
    options: Mapping[str, str] | None = None,
    environ: Mapping[str, str] | None = None,
    dotenv: Path | None = Path(".env"),
) -> Environment:
    """Return the variables of this process.

    Args:
        options: command-line options, under the names of their variables.
        environ: the environment; `os.environ` when None.
        dotenv: a file with further variables; it may be missing.

    Raises:
        SettingsError: the file exists but cannot be read.
    """
    file_variables: dict[str, str] = {}
    if dotenv is not None and dotenv.is_file():
        from dotenv import dotenv_values

        try:
            file_variables = {name: value for name, value in dotenv_values(dotenv).items() if value is not None}
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(f"{dotenv}: cannot be read: {error}") from error
    return Environment(options or {}, os.environ if environ is None else environ, file_variables)
