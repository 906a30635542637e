"""Settings of chats, models, plugins and requests to other servers."""

from __future__ import annotations

from typing import Annotated

from fastback.settings.field import describe
from fastback.settings.oauth import OAuthSettings


class ChatSettings(OAuthSettings, frozen=True, kw_only=True):
    """Chats and models"""

    enable_realtime_chat_save: Annotated[
        bool,
        describe(
            "Save a response each time a chunk of it arrives.", no_effect="Open WebUI 0.12.4 does not use it either"
        ),
    ] = False
    chat_response_stream_delta_chunk_size: Annotated[
        int, describe("Least number of response chunks that are sent together; the parameters of a model can raise it.")
    ] = 1
    chat_stream_response_chunk_max_buffer_size: Annotated[
        int | None, describe("Longest line in the stream of a model server, in bytes; longer lines are skipped.")
    ] = None
    fastback_answer_retry_seconds: Annotated[
        float,
        describe("Seconds that the end of a response is tried to be stored while the database is away.", minimum=0),
    ] = 3600
    chat_response_max_tool_call_iterations: Annotated[
        int | None,
        describe(
            "Highest number of rounds of tool calls in a response; -1 means no limit.",
            "CHAT_RESPONSE_MAX_TOOL_CALL_RETRIES",
        ),
    ] = 256
    code_interpreter_blocked_modules: Annotated[
        str, describe("Modules, separated by commas, that the code of models may not import itself.")
    ] = ""
    enable_image_content_type_extension_fallback: Annotated[
        bool, describe("Derive the media type of an image from its file extension if nothing else gives it.")
    ] = False
    enable_chat_response_base64_image_url_conversion: Annotated[
        bool, describe("Store images that are embedded in the text of a response as files.")
    ] = False
    enable_api_outlet_filters: Annotated[bool, describe("Run outlet filters on responses to API clients, too.")] = True
    enable_responses_api_stateful: Annotated[
        bool,
        describe(
            "Let servers of the Responses API keep the history between rounds of tool calls.",
            no_effect="each round sends the whole history",
        ),
    ] = False
    enable_custom_model_fallback: Annotated[
        bool, describe("Use the default model if the base model of a model no longer exists.")
    ] = False
    enable_openai_api_passthrough: Annotated[
        bool, describe("Forward requests for unknown paths below `/openai` to the model server.")
    ] = False
    enable_queries_cache: Annotated[
        bool, describe("Search the pages that a web search found, and files, with the queries of the web search.")
    ] = False
    models_cache_ttl: Annotated[
        float, describe("Seconds between two refreshes of the lists of models, at least 60.")
    ] = 300
    scheduler_poll_interval: Annotated[
        int,
        describe(
            "Seconds between two checks for reminders of calendar events that are due.",
            "AUTOMATION_POLL_INTERVAL",
            minimum=1,
        ),
    ] = 10
    timer_poll_interval: Annotated[
        int,
        describe("Seconds between two checks for automations and timers that are due, at least.", minimum=1),
    ] = 1
    calendar_alert_lookahead_minutes: Annotated[
        int,
        describe("Minutes before a calendar event at which its reminder is sent, unless the event says otherwise."),
    ] = 10


class PluginSettings(ChatSettings, frozen=True, kw_only=True):
    """Plugins"""

    enable_plugins: Annotated[bool, describe("Enable plugins. When off, the three settings below are off, too.")] = True
    enable_tools: Annotated[bool, describe("Enable tools.")] = True
    enable_functions: Annotated[bool, describe("Enable functions.")] = True
    enable_tool_servers: Annotated[bool, describe("Enable tool servers and terminal servers.")] = True
    safe_mode: Annotated[bool, describe("Disable every function at start.")] = False
    fastback_defer_builtin_tools: Annotated[
        bool,
        describe(
            "Name built-in tools in the system prompt and let models look them up, in place of sending all their "
            "definitions with every chat: a model on a slow machine reads those for minutes. "
            "`chat.tool_search.always_loaded` and `chat.tool_search.defer_threshold` apply."
        ),
    ] = False
    enable_kb_exec: Annotated[
        bool, describe("Let models look into knowledge with the commands of a shell, by one tool instead of several.")
    ] = False
    kb_exec_max_output_chars: Annotated[
        int, describe("Characters that a model gets of one line of such commands.", minimum=1)
    ] = 30_000
    kb_exec_max_grep_files: Annotated[
        int, describe("Files that one such command searches for text at most.", minimum=1)
    ] = 200
    knowledge_grep_max_matches: Annotated[
        int, describe("Matching lines that a model gets of one search in files.", minimum=1)
    ] = 50
    view_file_max_chars: Annotated[int, describe("Characters of a file that a model may read at once.", minimum=1)] = (
        100_000
    )
    view_file_default_max_chars: Annotated[
        int, describe("Characters of a file that a model reads at once unless it names a number.", minimum=1)
    ] = 10_000
    fastback_plugin_hang_seconds: Annotated[
        float,
        describe(
            "Seconds that plugins may keep the process busy in which they run; then it is ended and started again.",
            minimum=1,
        ),
    ] = 30
    fastback_plugin_idle_minutes: Annotated[
        float,
        describe(
            "Minutes after which the process of plugins ends when no active function needs it; 0 keeps it.", minimum=0
        ),
    ] = 10
    enable_valve_encryption: Annotated[
        bool, describe("Encrypt the valves, which are the settings of tools and functions.")
    ] = False
    enable_pip_install_frontmatter_requirements: Annotated[
        bool,
        describe("Install the Python packages that plugins require; never in `OFFLINE_MODE`."),
    ] = True
    pip_options: Annotated[
        str,
        describe("Options of the `pip` commands that install these packages."),
    ] = ""
    pip_package_index_options: Annotated[
        str,
        describe("Options of `pip` that choose the package index, after the names of the packages."),
    ] = ""


class OutboundRequestSettings(PluginSettings, frozen=True, kw_only=True):
    """Requests to other servers"""

    aiohttp_client_timeout: Annotated[
        float | None,
        describe("Seconds that the whole response of a model server may take; no limit when unset.", minimum=0),
    ] = None
    aiohttp_client_stream_idle_timeout: Annotated[
        float | None, describe("Seconds that the stream of a model server may pause; no limit when unset.")
    ] = None
    aiohttp_client_timeout_model_list: Annotated[
        float | None,
        describe("Seconds that a list of models may take.", "AIOHTTP_CLIENT_TIMEOUT_OPENAI_MODEL_LIST", minimum=0),
    ] = 10
    aiohttp_client_timeout_tool_server_data: Annotated[
        float | None, describe("Seconds that the description of a tool server may take.", minimum=0)
    ] = 10
    aiohttp_client_timeout_tool_server: Annotated[
        float | None,
        describe(
            "Seconds that a tool call may take; the value of `AIOHTTP_CLIENT_TIMEOUT` when unset.",
            minimum=0,
        ),
    ] = None
    mcp_initialize_timeout: Annotated[
        float, describe("Seconds that an MCP server may take to open a session and list its tools.", minimum=0)
    ] = 10
    aiohttp_client_session_ssl: Annotated[
        str,
        describe(
            "How certificates of other servers are checked: `true`, `false`, or the path of a file "
            "with CA certificates."
        ),
    ] = "true"
    aiohttp_client_session_tool_server_ssl: Annotated[
        str,
        describe(
            "How certificates of tool servers are checked: `true`, `false`, or the path of a file with CA certificates."
        ),
    ] = "true"
    aiohttp_client_ssl_cert_file: Annotated[
        str, describe("Path of a file with CA certificates for the two settings above.")
    ] = ""
    requests_verify: Annotated[bool, describe("Check the certificate of the Tika server, too.")] = True
    aiohttp_client_allow_redirects: Annotated[bool, describe("Follow redirects of webhooks and web pages.")] = False
    enable_local_web_fetch: Annotated[
        bool,
        describe(
            "Allow URLs that users enter (web pages, webhooks, skills) to lead into the server's own network.",
            "ENABLE_RAG_LOCAL_WEB_FETCH",
        ),
    ] = False
    web_fetch_filter_list: Annotated[
        str, describe("Hosts and networks that users may enter, separated by `,`; a leading `!` forbids one.")
    ] = ""
    aiohttp_pool_connections: Annotated[
        int | None, describe("Highest number of open connections to other servers; no limit when unset.")
    ] = None
    aiohttp_pool_connections_per_host: Annotated[
        int | None, describe("Highest number of open connections to one server; no limit when unset.")
    ] = None
    aiohttp_pool_dns_ttl: Annotated[
        int, describe("Seconds for which results of DNS queries are cached.", minimum=0)
    ] = 300
    app_allowed_private_origins: Annotated[
        str,
        describe(
            "Origins of apps that may be in the server's own network, separated by `,`; all others must use HTTPS."
        ),
    ] = ""
    terminal_proxy_headers: Annotated[
        str, describe("Headers added to the responses of terminal servers, as a JSON object.")
    ] = "{}"
    elevenlabs_api_base_url: Annotated[str, describe("Base URL of the ElevenLabs API, which speaks texts.")] = (
        "https://api.elevenlabs.io"
    )
    image_auto_size_models_regex_pattern: Annotated[
        str, describe("Regular expression of the models that may choose the size of an image themselves.")
    ] = "^gpt-image"
    image_url_response_models_regex_pattern: Annotated[
        str,
        describe(
            "Regular expression of the image models that are not asked for base64, as they refuse such a request."
        ),
    ] = "^gpt-image"
    user_agent: Annotated[
        str, describe("`User-Agent` header of requests for web pages; the header of a common browser when empty.")
    ] = ""
    tavily_api_base_url: Annotated[str, describe("Base URL of the Tavily API, for searches and for pages.")] = (
        "https://api.tavily.com"
    )
    searxng_client_cert_file: Annotated[
        str, describe("Path of the client certificate that is presented to a SearXNG server.")
    ] = ""
    searxng_client_key_file: Annotated[
        str, describe("Path of the private key of that certificate, if it is in another file.")
    ] = ""


class UserForwardingSettings(OutboundRequestSettings, frozen=True, kw_only=True):
    """User information for model servers"""

    enable_forward_user_info_headers: Annotated[
        bool, describe("Send the user of a request to model servers, in the headers below.")
    ] = False
    forward_user_info_header_user_name: Annotated[str, describe("Name of the header with the user's name.")] = (
        "X-OpenWebUI-User-Name"
    )
    forward_user_info_header_user_id: Annotated[str, describe("Name of the header with the user's ID.")] = (
        "X-OpenWebUI-User-Id"
    )
    forward_user_info_header_user_email: Annotated[
        str, describe("Name of the header with the user's email address.")
    ] = "X-OpenWebUI-User-Email"
    forward_user_info_header_user_role: Annotated[str, describe("Name of the header with the user's role.")] = (
        "X-OpenWebUI-User-Role"
    )
    forward_user_info_header_auth_type: Annotated[str, describe("Name of the header with the type of sign-in.")] = (
        "X-OpenWebUI-Auth-Type"
    )
    forward_session_info_header_chat_id: Annotated[str, describe("Name of the header with the chat ID.")] = (
        "X-OpenWebUI-Chat-Id"
    )
    forward_session_info_header_message_id: Annotated[
        str, describe("Name of the header with the message ID, in requests to tool servers.")
    ] = "X-OpenWebUI-Message-Id"
    forward_user_info_header_jwt_secret: Annotated[
        str | None,
        describe(
            "Secret key of a signed token (JWT), which is sent instead of the headers with the user; "
            "no token when unset."
        ),
    ] = None
    forward_user_info_header_jwt: Annotated[str, describe("Name of the header with that token.")] = (
        "X-OpenWebUI-User-Jwt"
    )
    forward_user_info_header_jwt_expires_seconds: Annotated[
        int, describe("Seconds after which that token expires.", minimum=1)
    ] = 300
