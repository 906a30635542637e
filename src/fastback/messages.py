"""Texts of errors, the same as in the reference: clients may compare them."""

from __future__ import annotations

INVALID_TOKEN = "Your session has expired or the token is invalid. Please sign in again."
INVALID_CREDENTIALS = "The email or password provided is incorrect. Please check for typos and try logging in again."
INVALID_EMAIL = (
    "The email format you entered is invalid. Please double-check and make sure you're using a valid email address "
    "(e.g., yourname@example.com)."
)
INCORRECT_PASSWORD = "The password provided is incorrect. Please check for typos and try again."
INVALID_PASSWORD = "The password does not meet the required validation criteria."
PASSWORD_TOO_LONG = (
    "Uh-oh! The password you entered is too long. Please make sure your password is less than 72 bytes long."
)
OAUTH_LOGIN_FAILED = "Sign-in with your identity provider failed. Please contact your administrator for assistance."
INVALID_TRUSTED_HEADER = (
    "Your provider has not provided a trusted header. Please contact your administrator for assistance."
)
EMAIL_TAKEN = (
    "Uh-oh! This email is already registered. Sign in with your existing account or choose another email to start anew."
)
EXISTING_USERS = (
    "You can't turn off authentication because there are existing users. If you want to disable WEBUI_AUTH, make sure "
    "your web interface doesn't have any existing users and is a fresh installation."
)
INVALID_AUTHENTICATION = "Invalid authentication request."
TOO_MANY_ATTEMPTS = "Too many attempts. Please try again later."
NOT_AUTHENTICATED = "Not authenticated"
UNAUTHORIZED = "401 Unauthorized"
ACCESS_PROHIBITED = (
    "You do not have permission to access this resource. Please contact your administrator for assistance."
)
ACTION_PROHIBITED = "The requested action has been restricted as a security measure."
NOT_FOUND = "We could not find what you're looking for :/"
USER_NOT_FOUND = NOT_FOUND
API_KEY_NOT_FOUND = (
    "Oops! It looks like there's a hiccup. The API key is missing. Please make sure to provide a valid API key to "
    "access this feature."
)
API_KEY_NOT_ALLOWED = "Use of API key is not enabled in the environment."
API_KEY_CREATION_NOT_ALLOWED = "API key creation is not allowed in the environment."
CREATE_USER_ERROR = (
    "Oops! Something went wrong while creating your account. Please try again later. If the issue persists, contact "
    "support for assistance."
)
DELETE_USER_ERROR = (
    "Oops! Something went wrong. We encountered an issue while trying to delete the user. Please give it another shot."
)
RATE_LIMIT_EXCEEDED = "API rate limit exceeded"
ID_TAKEN = "Uh-oh! This id is already registered. Please choose another id string."
MODEL_ID_TAKEN = "Uh-oh! This model id is already registered. Please choose another model id string."
MODEL_ID_TOO_LONG = "The model id is too long. Please make sure your model id is less than 256 characters long."
COMMAND_TAKEN = "Uh-oh! This command is already registered. Please choose another command string."
INVALID_URL = "The URL you provided is invalid. Please double-check and try again."
OLLAMA_NOT_FOUND = "WebUI could not connect to Ollama"
OLLAMA_API_DISABLED = "The Ollama API is disabled. Please enable it to use this feature."
OPENAI_NOT_FOUND = "OpenAI API was not found"
SERVER_CONNECTION_ERROR = "Open WebUI: Server Connection Error"
DB_NOT_SQLITE = "This feature is only available with SQLite databases."
SOMETHING_WRONG = "Something went wrong :/"
EMPTY_CONTENT = "The content provided is empty. Please ensure that there is text or data present before proceeding."
DUPLICATE_CONTENT = "Duplicate content detected. Please provide unique content to proceed."
FILE_NOT_PROCESSED = (
    "Extracted content is not available for this file. Please ensure that the file is processed before proceeding."
)
FILE_NOT_SUPPORTED = (
    "Oops! It seems like the file format you're trying to upload is not supported. Please upload a file with a "
    "supported format and try again."
)
WEB_SEARCH_ERROR = "Something went wrong while searching the web."


def wrap_reason(reason: str = "") -> str:
    """Return the text for an error without a message of its own."""
    return f"[ERROR: {reason}]" if reason else SOMETHING_WRONG


def provider_not_configured(name: str) -> str:
    """Return the text for a provider of sign-ins that is not configured."""
    return f"Provider '{name}' is not configured"


def model_not_found(name: str = "") -> str:
    """Return the text for an unknown model."""
    return f"Model '{name}' was not found"


def feature_disabled(name: str = "") -> str:
    """Return the text for a feature that the settings disable."""
    return f"{name} is disabled"


def file_too_large(size: str = "") -> str:
    """Return the text for an upload above a size, which is given with its unit."""
    return f"Oops! The file you're trying to upload is too large. Please upload a file that is less than {size}."


def incorrect_format(reason: str = "") -> str:
    """Return the text for invalid input; `reason` begins with punctuation."""
    return f"Invalid format. Please use the correct format{reason}"
