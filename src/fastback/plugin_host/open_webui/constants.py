"""Names of background tasks, and texts of errors that clients see."""

from __future__ import annotations

from enum import Enum
from typing import Any

from fastback import messages


class _Message(str):
    """A text that may also be called with what it is about."""

    _build: Any

    def __new__(cls, build: Any) -> _Message:
        text = super().__new__(cls, build())
        text._build = build
        return text

    @property
    def value(self) -> str:
        return str(self)

    def __call__(self, *args: Any, **kwargs: Any) -> str:
        return str(self._build(*args, **kwargs))


def _fix(text: str) -> _Message:
    return _Message(lambda *_: text)


def _describe_error(err: Any = "", fallback: str = "") -> str:
    if not err or isinstance(err, Exception):
        return f"[ERROR: {fallback}]" if fallback else "Something went wrong :/"
    return f"[ERROR: {err}]"


class MESSAGES:
    DEFAULT = _Message(lambda msg="": f"{msg or ''}")
    MODEL_ADDED = _Message(lambda model="": f"The model '{model}' has been added successfully.")
    MODEL_DELETED = _Message(lambda model="": f"The model '{model}' has been deleted successfully.")


class WEBHOOK_MESSAGES:
    DEFAULT = _Message(lambda msg="": f"{msg or ''}")
    USER_SIGNUP = _Message(lambda username="": f"New user signed up: {username}" if username else "New user signed up")


class TASKS(str, Enum):
    """What a completion in the background is for."""

    TITLE_GENERATION = "title_generation"
    FOLLOW_UP_GENERATION = "follow_up_generation"
    TAGS_GENERATION = "tags_generation"
    EMOJI_GENERATION = "emoji_generation"
    QUERY_GENERATION = "query_generation"
    IMAGE_PROMPT_GENERATION = "image_prompt_generation"
    AUTOCOMPLETE_GENERATION = "autocomplete_generation"
    FUNCTION_CALLING = "function_calling"
    MOA_RESPONSE_GENERATION = "moa_response_generation"

    def __str__(self) -> str:
        return self.value

    @staticmethod
    def DEFAULT(task: str = "") -> str:
        return task or "generation"


class ERROR_MESSAGES:
    """Texts of errors; those about a value are called with it."""

    DEFAULT = _Message(_describe_error)
    INVALID_TOKEN = _fix(messages.INVALID_TOKEN)
    INVALID_CRED = _fix(messages.INVALID_CREDENTIALS)
    INVALID_EMAIL_FORMAT = _fix(messages.INVALID_EMAIL)
    INCORRECT_PASSWORD = _fix(messages.INCORRECT_PASSWORD)
    PASSWORD_TOO_LONG = _fix(messages.PASSWORD_TOO_LONG)
    INVALID_TRUSTED_HEADER = _fix(messages.INVALID_TRUSTED_HEADER)
    EMAIL_TAKEN = _fix(messages.EMAIL_TAKEN)
    EXISTING_USERS = _fix(messages.EXISTING_USERS)
    UNAUTHORIZED = _fix(messages.UNAUTHORIZED)
    ACCESS_PROHIBITED = _fix(messages.ACCESS_PROHIBITED)
    ACTION_PROHIBITED = _fix(messages.ACTION_PROHIBITED)
    NOT_FOUND = _fix(messages.NOT_FOUND)
    USER_NOT_FOUND = _fix(messages.USER_NOT_FOUND)
    API_KEY_NOT_FOUND = _fix(messages.API_KEY_NOT_FOUND)
    API_KEY_NOT_ALLOWED = _fix(messages.API_KEY_NOT_ALLOWED)
    API_KEY_CREATION_NOT_ALLOWED = _fix(messages.API_KEY_CREATION_NOT_ALLOWED)
    CREATE_USER_ERROR = _fix(messages.CREATE_USER_ERROR)
    DELETE_USER_ERROR = _fix(messages.DELETE_USER_ERROR)
    RATE_LIMIT_EXCEEDED = _fix(messages.RATE_LIMIT_EXCEEDED)
    ID_TAKEN = _fix(messages.ID_TAKEN)
    MODEL_ID_TAKEN = _fix(messages.MODEL_ID_TAKEN)
    MODEL_ID_TOO_LONG = _fix(messages.MODEL_ID_TOO_LONG)
    COMMAND_TAKEN = _fix(messages.COMMAND_TAKEN)
    INVALID_URL = _fix(messages.INVALID_URL)
    OLLAMA_NOT_FOUND = _fix(messages.OLLAMA_NOT_FOUND)
    OLLAMA_API_DISABLED = _fix(messages.OLLAMA_API_DISABLED)
    SERVER_CONNECTION_ERROR = _fix(messages.SERVER_CONNECTION_ERROR)
    DB_NOT_SQLITE = _fix(messages.DB_NOT_SQLITE)
    EMPTY_CONTENT = _fix(messages.EMPTY_CONTENT)
    DUPLICATE_CONTENT = _fix(messages.DUPLICATE_CONTENT)
    FILE_NOT_PROCESSED = _fix(messages.FILE_NOT_PROCESSED)
    FILE_NOT_SUPPORTED = _fix(messages.FILE_NOT_SUPPORTED)
    WEB_SEARCH_ERROR = _fix(messages.WEB_SEARCH_ERROR)
    ENV_VAR_NOT_FOUND = _fix("Required environment variable not found. Terminating now.")
    USERNAME_TAKEN = _fix("Uh-oh! This username is already registered. Please choose another username.")
    FILE_EXISTS = _fix("Uh-oh! This file is already registered. Please choose another file.")
    NAME_TAG_TAKEN = _fix("Uh-oh! This name tag is already registered. Please choose another name tag string.")
    FILE_NOT_SENT = _fix("FILE_NOT_SENT")
    MALICIOUS = _fix("Unusual activities detected, please try again in a few minutes.")
    PANDOC_NOT_INSTALLED = _fix(
        "Pandoc is not installed on the server. Please contact your administrator for assistance."
    )
    INCORRECT_FORMAT = _Message(lambda err="": f"Invalid format. Please use the correct format{err}")
    MODEL_NOT_FOUND = _Message(lambda name="": messages.model_not_found(name))
    OPENAI_NOT_FOUND = _Message(lambda name="": messages.OPENAI_NOT_FOUND)
    FILE_TOO_LARGE = _Message(
        lambda size="": (
            f"Oops! The file you're trying to upload is too large. Please upload a file that is less than {size}."
        )
    )
    INVALID_PASSWORD = _Message(lambda err="": err or messages.INVALID_PASSWORD)
    FEATURE_DISABLED = _Message(lambda name="": f"{name} is disabled")
    INPUT_TOO_LONG = _Message(lambda size="": f"Input prompt exceeds maximum length of {size}")
    REQUIRED_FIELD_EMPTY = _Message(lambda name="": f"Required field {name} is empty")
    OAUTH_NOT_CONFIGURED = _Message(lambda name="": f"Provider '{name}' is not configured")
