"""The page: keys, variables, defaults."""

from typing import Any

import msgspec

from fastback.config import variable_parsing
from fastback.config.derived_defaults import SIGNUP
from fastback.config.key import Key


class Banner(msgspec.Struct, kw_only=True):
    """A banner of the page as it is stored: every field, in this order. `timestamp` in seconds."""

    i18n: dict[str, dict[str, str]] | None = None
    id: str
    type: str
    title: str | None = None
    content: str
    dismissible: bool
    timestamp: int


def _banners(text: str) -> list[Any]:
    found: list[Any] = msgspec.to_builtins(msgspec.convert(msgspec.json.decode(text), list[Banner], strict=False))
    return found


BANNERS = variable_parsing.Reader(_banners, "a JSON list of banners")
VISIBILITY = variable_parsing.typed(dict[str, bool], "a JSON object of `true` and `false`")

KEYS = [
    Key("ui.enable_signup", (), SIGNUP),
    Key("ui.enable_login_form", ("ENABLE_LOGIN_FORM",), True),
    Key("ui.enable_password_change_form", ("ENABLE_PASSWORD_CHANGE_FORM",), True),
    Key("ui.default_locale", ("DEFAULT_LOCALE",), ""),
    Key("ui.default_models", ("DEFAULT_MODELS",), None, variable_parsing.TEXT),
    Key("ui.default_pinned_models", ("DEFAULT_PINNED_MODELS",), None, variable_parsing.TEXT),
    Key("ui.default_interface_settings", ("DEFAULT_INTERFACE_SETTINGS",), {}),
    Key("ui.visibility", ("UI_VISIBILITY",), {}, VISIBILITY),
    Key("ui.i18n", (), {}),
    Key("ui.prompt_suggestions", ("DEFAULT_PROMPT_SUGGESTIONS",), None, variable_parsing.JSON),
    Key("ui.prompt_suggestions_i18n", (), {}),
    Key("ui.model_order_list", ("MODEL_ORDER_LIST",), []),
    Key("ui.default_user_role", ("DEFAULT_USER_ROLE",), "pending"),
    Key("ui.default_group_id", ("DEFAULT_GROUP_ID",), ""),
    Key("ui.pending_user_overlay_title", ("PENDING_USER_OVERLAY_TITLE",), ""),
    Key("ui.pending_user_overlay_content", ("PENDING_USER_OVERLAY_CONTENT",), ""),
    Key("ui.watermark", ("RESPONSE_WATERMARK",), ""),
    Key("ui.enable_community_sharing", ("ENABLE_COMMUNITY_SHARING",), True),
    Key("ui.enable_message_rating", ("ENABLE_MESSAGE_RATING",), True),
    Key("ui.enable_user_webhooks", ("ENABLE_USER_WEBHOOKS",), False),
    Key("ui.banners", ("WEBUI_BANNERS",), [], BANNERS),
]
