"""Settings: chats, models, plugins, calls of other servers."""

from __future__ import annotations

from typing import Annotated

from fastback.settings.auth import Audit
from fastback.settings.field import about


class Chats(Audit, frozen=True, kw_only=True):
    """Chats and models"""

    enable_realtime_chat_save: Annotated[
        bool, about("Write an answer with every piece of it.", idle="Open WebUI 0.12.4 has no use for it either")
    ] = False
    chat_response_stream_delta_chunk_size: Annotated[
        int, about("Pieces of an answer that are sent together at least; a model's parameters may say more.")
    ] = 1
    chat_stream_response_chunk_max_buffer_size: Annotated[
        int | None, about("Longest line of a stream, in bytes; a longer one is left out.")
    ] = None
    chat_response_max_tool_call_iterations: Annotated[
        int | None,
        about(
            "Rounds of tool calls in an answer; -1: any number.",
            "CHAT_RESPONSE_MAX_TOOL_CALL_RETRIES",
            idle="waits for tools",
        ),
    ] = 256
    enable_image_content_type_extension_fallback: Annotated[
        bool, about("Tell a picture's type by the ending of its name where nothing else says it.")
    ] = False
    enable_chat_response_base64_image_url_conversion: Annotated[
        bool, about("Keep pictures inside an answer's text as files.")
    ] = False
    enable_api_outlet_filters: Annotated[
        bool, about("Run outlet filters for answers over the API, too.", idle="waits for functions")
    ] = True
    enable_responses_api_stateful: Annotated[
        bool,
        about("Let servers of the Responses API keep the history between rounds of tools.", idle="waits for tools"),
    ] = False
    enable_custom_model_fallback: Annotated[bool, about("Use the default model where a base model is gone.")] = False
    enable_openai_api_passthrough: Annotated[bool, about("Pass unknown paths below `/openai` on to the server.")] = (
        False
    )
    enable_queries_cache: Annotated[
        bool, about("Look into pages that were found, and into files, with the queries the web was searched by.")
    ] = False
    models_cache_ttl: Annotated[float, about("Seconds between refreshes of the lists of models, at least 60.")] = 300
    scheduler_poll_interval: Annotated[
        int,
        about(
            "Seconds between looks for automations that are due.",
            "AUTOMATION_POLL_INTERVAL",
            least=1,
            idle="waits for automations",
        ),
    ] = 10
    timer_poll_interval: Annotated[
        int, about("Seconds between looks for timers that are due.", least=1, idle="waits for timers")
    ] = 1
    calendar_alert_lookahead_minutes: Annotated[
        int, about("Minutes before an event that its alert is sent.", idle="waits for calendars")
    ] = 10


class Plugins(Chats, frozen=True, kw_only=True):
    """Plugins"""

    enable_plugins: Annotated[bool, about("Tools and functions; off switches the three below off.")] = True
    enable_tools: Annotated[bool, about("Tools.")] = True
    enable_functions: Annotated[bool, about("Functions.")] = True
    enable_tool_servers: Annotated[bool, about("Tool and terminal servers.")] = True
    safe_mode: Annotated[bool, about("Start with every function switched off.")] = False
    enable_valve_encryption: Annotated[bool, about("Encrypt what tools and functions are set with.")] = False
    enable_pip_install_frontmatter_requirements: Annotated[
        bool, about("Install what plugins ask for.", idle="waits for tools and functions")
    ] = True
    pip_options: Annotated[str, about("Options for that.", idle="waits for tools and functions")] = ""
    pip_package_index_options: Annotated[
        str, about("Options that say from where.", idle="waits for tools and functions")
    ] = ""


class Calls(Plugins, frozen=True, kw_only=True):
    """Calls of other servers"""

    aiohttp_client_timeout: Annotated[
        float | None, about("Seconds a model's answer may take in all; no limit when unset.", least=0)
    ] = None
    aiohttp_client_stream_idle_timeout: Annotated[float | None, about("Seconds a stream may pause.")] = None
    aiohttp_client_timeout_model_list: Annotated[
        float | None,
        about("Seconds a list of models may take.", "AIOHTTP_CLIENT_TIMEOUT_OPENAI_MODEL_LIST", least=0),
    ] = 10
    aiohttp_client_timeout_tool_server_data: Annotated[
        float | None, about("Seconds a tool server may take to describe itself.", least=0)
    ] = 10
    aiohttp_client_timeout_tool_server: Annotated[
        float | None,
        about(
            "Seconds a call of a tool may take; as `AIOHTTP_CLIENT_TIMEOUT` when unset.",
            least=0,
            idle="waits for tools",
        ),
    ] = None
    mcp_initialize_timeout: Annotated[
        float, about("Seconds an MCP server may take to begin, and to list its tools.", least=0)
    ] = 10
    aiohttp_client_session_ssl: Annotated[
        str, about("Check certificates: `true`, `false`, or a file of authorities.")
    ] = "true"
    aiohttp_client_session_tool_server_ssl: Annotated[str, about("The same for tool servers.")] = "true"
    aiohttp_client_ssl_cert_file: Annotated[str, about("File of authorities for both.")] = ""
    requests_verify: Annotated[bool, about("Check the certificate of Tika, too.")] = True
    aiohttp_client_allow_redirects: Annotated[bool, about("Follow redirects of webhooks and of pages.")] = False
    enable_local_web_fetch: Annotated[
        bool,
        about(
            "Let addresses that users name lead into our own network, too (pages, webhooks, skills).",
            "ENABLE_RAG_LOCAL_WEB_FETCH",
        ),
    ] = False
    web_fetch_filter_list: Annotated[
        str, about("Names and networks that users may name, separated by `,`; `!` before one that they may not.")
    ] = ""
    aiohttp_pool_connections: Annotated[int | None, about("Connections at once; any number when unset.")] = None
    aiohttp_pool_connections_per_host: Annotated[int | None, about("Connections at once to one server.")] = None
    aiohttp_pool_dns_ttl: Annotated[int, about("Seconds an address is remembered.", least=0)] = 300
    app_allowed_private_origins: Annotated[
        str, about("Origins of apps that may lie in our own network, separated by `,`; elsewhere HTTPS is a must.")
    ] = ""
    terminal_proxy_headers: Annotated[str, about("Headers added to what terminal servers answer, a JSON object.")] = (
        "{}"
    )
    elevenlabs_api_base_url: Annotated[str, about("Where ElevenLabs is asked for voices.")] = (
        "https://api.elevenlabs.io"
    )
    image_auto_size_models_regex_pattern: Annotated[
        str, about("Models that may choose the size of a picture themselves.")
    ] = "^gpt-image"
    user_agent: Annotated[str, about("What we call ourselves when fetching pages.")] = ""
    tavily_api_base_url: Annotated[str, about("Where Tavily is asked, for searches and for pages.")] = (
        "https://api.tavily.com"
    )
    searxng_client_cert_file: Annotated[str, about("File with the certificate that a SearXNG server is shown.")] = ""
    searxng_client_key_file: Annotated[str, about("File with its key, where it lies in another.")] = ""


class Forwarding(Calls, frozen=True, kw_only=True):
    """Telling model servers who asks"""

    enable_forward_user_info_headers: Annotated[bool, about("Tell providers who asks, in the headers below.")] = False
    forward_user_info_header_user_name: Annotated[str, about("Header with the name.")] = "X-OpenWebUI-User-Name"
    forward_user_info_header_user_id: Annotated[str, about("Header with the id.")] = "X-OpenWebUI-User-Id"
    forward_user_info_header_user_email: Annotated[str, about("Header with the address.")] = "X-OpenWebUI-User-Email"
    forward_user_info_header_user_role: Annotated[str, about("Header with the role.")] = "X-OpenWebUI-User-Role"
    forward_user_info_header_auth_type: Annotated[str, about("Header with the kind of sign-in.")] = (
        "X-OpenWebUI-Auth-Type"
    )
    forward_session_info_header_chat_id: Annotated[str, about("Header with the chat.")] = "X-OpenWebUI-Chat-Id"
    forward_session_info_header_message_id: Annotated[
        str, about("Header with the message.", idle="waits for tools")
    ] = "X-OpenWebUI-Message-Id"
    forward_user_info_header_jwt_secret: Annotated[
        str | None, about("If set, one signed token is sent instead of the user's headers.")
    ] = None
    forward_user_info_header_jwt: Annotated[str, about("Header with that token.")] = "X-OpenWebUI-User-Jwt"
    forward_user_info_header_jwt_expires_seconds: Annotated[int, about("Seconds that token is good for.", least=1)] = (
        300
    )
