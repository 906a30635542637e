"""Keys of the web interface."""

from typing import Any

import msgspec

from fastback.config import variable_parsing
from fastback.config.derived_defaults import SIGNUP
from fastback.config.key import define_key


class Banner(msgspec.Struct, kw_only=True):
    """A stored banner of the web interface, with every field in this order; `timestamp` is in seconds."""

    i18n: dict[str, dict[str, str]] | None = None
    id: str
    type: str
    title: str | None = None
    content: str
    dismissible: bool
    timestamp: int


def _parse_banners(text: str) -> list[Any]:
    banners: list[Any] = msgspec.to_builtins(msgspec.convert(msgspec.json.decode(text), list[Banner], strict=False))
    return banners


BANNERS_PARSER = variable_parsing.VariableParser(_parse_banners, "a JSON list of banners")
VISIBILITY_PARSER = variable_parsing.build_json_parser(dict[str, bool], "a JSON object of `true` and `false`")

UI_ENABLE_SIGNUP = define_key("ui.enable_signup", (), SIGNUP)
UI_ENABLE_LOGIN_FORM = define_key("ui.enable_login_form", ("ENABLE_LOGIN_FORM",), True)
UI_ENABLE_PASSWORD_CHANGE_FORM = define_key("ui.enable_password_change_form", ("ENABLE_PASSWORD_CHANGE_FORM",), True)
UI_DEFAULT_LOCALE = define_key("ui.default_locale", ("DEFAULT_LOCALE",), "")
UI_DEFAULT_MODELS = define_key("ui.default_models", ("DEFAULT_MODELS",), None, variable_parsing.TEXT)
UI_DEFAULT_PINNED_MODELS = define_key(
    "ui.default_pinned_models", ("DEFAULT_PINNED_MODELS",), None, variable_parsing.TEXT
)
UI_DEFAULT_INTERFACE_SETTINGS = define_key("ui.default_interface_settings", ("DEFAULT_INTERFACE_SETTINGS",), {})
UI_VISIBILITY = define_key("ui.visibility", ("UI_VISIBILITY",), {}, VISIBILITY_PARSER)
UI_I18N = define_key("ui.i18n", (), {})
UI_PROMPT_SUGGESTIONS = define_key(
    "ui.prompt_suggestions", ("DEFAULT_PROMPT_SUGGESTIONS",), None, variable_parsing.JSON
)
UI_PROMPT_SUGGESTIONS_I18N = define_key("ui.prompt_suggestions_i18n", (), {})
UI_MODEL_ORDER_LIST = define_key("ui.model_order_list", ("MODEL_ORDER_LIST",), [])
UI_DEFAULT_USER_ROLE = define_key("ui.default_user_role", ("DEFAULT_USER_ROLE",), "pending")
UI_DEFAULT_GROUP_ID = define_key("ui.default_group_id", ("DEFAULT_GROUP_ID",), "")
UI_PENDING_USER_OVERLAY_TITLE = define_key("ui.pending_user_overlay_title", ("PENDING_USER_OVERLAY_TITLE",), "")
UI_PENDING_USER_OVERLAY_CONTENT = define_key("ui.pending_user_overlay_content", ("PENDING_USER_OVERLAY_CONTENT",), "")
UI_WATERMARK = define_key("ui.watermark", ("RESPONSE_WATERMARK",), "")
UI_ENABLE_COMMUNITY_SHARING = define_key("ui.enable_community_sharing", ("ENABLE_COMMUNITY_SHARING",), True)
UI_ENABLE_MESSAGE_RATING = define_key("ui.enable_message_rating", ("ENABLE_MESSAGE_RATING",), True)
UI_ENABLE_USER_WEBHOOKS = define_key("ui.enable_user_webhooks", ("ENABLE_USER_WEBHOOKS",), False)
UI_BANNERS = define_key("ui.banners", ("WEBUI_BANNERS",), [], BANNERS_PARSER)
