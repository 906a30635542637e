"""Settings of the server, logging, directories, the web interface and response headers."""

from __future__ import annotations

from typing import Annotated

import msgspec

from fastback.settings.field import describe


class ServerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Server and logging"""

    host: Annotated[str, describe("Network address to listen on; `0.0.0.0` accepts connections on all interfaces.")] = (
        "0.0.0.0"
    )
    port: Annotated[int, describe("TCP port to listen on.", minimum=0, maximum=65535)] = 8080
    env: Annotated[
        str,
        describe(
            "Set it to `prod` inside a container; `OLLAMA_BASE_URL=/ollama` then means Ollama on the container's host."
            " With `dev`, `/openapi.json` describes the API and `/docs` shows it. With `prod`, private chats"
            " in channels need HTTPS."
        ),
    ] = "dev"
    uvicorn_workers: Annotated[
        int,
        describe("Number of server processes on this machine; more than one needs PostgreSQL and `REDIS_URL`."),
    ] = 1
    uvicorn_ws_per_message_deflate: Annotated[
        bool,
        describe(
            "Compress WebSocket messages. This takes about a third of a megabyte of memory for each open connection."
        ),
    ] = False
    forwarded_allow_ips: Annotated[
        str,
        describe("Addresses of proxies whose `X-Forwarded-*` headers are trusted, separated by `,`; `*` trusts all."),
    ] = "*"
    fastback_shutdown_grace_seconds: Annotated[
        float,
        describe(
            "Seconds that running answers and requests have to finish when the server is asked to stop; at their end "
            "the answers are stored as they are. Closing everything takes up to four seconds more, and `docker stop` "
            "ends a process after ten.",
            minimum=0,
        ),
    ] = 5
    fastback_max_body_mb: Annotated[
        int, describe("Megabytes of the largest request body; a larger one is answered with 413.", minimum=1)
    ] = 4
    fastback_max_content_body_mb: Annotated[
        int,
        describe(
            "Megabytes of the largest request body of the operations that take chats, images or imports. Uploaded "
            "files have limits of their own.",
            minimum=1,
        ),
    ] = 128
    fastback_metrics_token: Annotated[
        str,
        describe(
            "Bearer token for the metrics at `/metrics`. Without it and `FASTBACK_METRICS_ALLOW` they are disabled."
        ),
    ] = ""
    fastback_metrics_allow: Annotated[
        str,
        describe(
            "Addresses and networks that may read the metrics, separated by `,`: `127.0.0.1,10.0.0.0/8`. Requests "
            "that a proxy forwards are refused. With a token, both are required."
        ),
    ] = ""
    fastback_umask: Annotated[
        str,
        describe(
            "Permissions that new files and directories do not get, as an octal mask: with `077` only the user who "
            "runs the server can read them, with `022` others can, too. Existing files keep theirs."
        ),
    ] = "077"
    thread_pool_size: Annotated[
        int | None, describe("Number of threads for work that would block the event loop; Python's default when unset.")
    ] = None
    instance_id: Annotated[
        str,
        describe(
            "Name that tells this process from others; generated when empty.", no_effect="each process has a new id"
        ),
    ] = ""
    deployment_id: Annotated[str, describe("Name of this deployment, returned by `/api/version`.")] = ""
    global_log_level: Annotated[
        str,
        describe(
            "Lowest level that is logged: `DEBUG`, `INFO`, `WARNING`, `ERROR` or `CRITICAL`.",
            choices=("DEBUG", "INFO", "WARNING", "WARN", "ERROR", "CRITICAL", "FATAL", "NOTSET"),
        ),
    ] = "INFO"
    log_format: Annotated[
        str, describe("`json` writes each log record as a JSON object on one line; any other value writes plain text.")
    ] = ""
    enable_compression_middleware: Annotated[bool, describe("Compress large responses with Brotli or gzip.")] = True


class DirectorySettings(ServerSettings, frozen=True, kw_only=True):
    """Directories"""

    data_dir: Annotated[str, describe("Directory for the database, uploaded files and the secret key.")] = "./data"
    upload_dir: Annotated[
        str, describe("Directory for uploaded files; `uploads` in the data directory when empty.")
    ] = ""
    cache_dir: Annotated[
        str, describe("Directory that `/cache` serves files from; `cache` in the data directory when empty.")
    ] = ""
    static_dir: Annotated[str, describe("Directory whose files replace the frontend's own files under `/static`.")] = ""
    frontend_build_dir: Annotated[
        str, describe("Directory with a built frontend to serve instead of the downloaded one.")
    ] = ""
    fastback_cache_dir: Annotated[
        str,
        describe("Directory for the downloaded frontend and downloaded models; the user's cache directory when empty."),
    ] = ""


class PageSettings(DirectorySettings, frozen=True, kw_only=True):
    """Web interface"""

    webui_name: Annotated[
        str,
        describe("Name shown in the web interface; ` (Open WebUI)` is appended to any name other than `Open WebUI`."),
    ] = "Open WebUI"
    webui_url: Annotated[
        str, describe("Public URL of the web interface; the default of the stored key `webui.url`.")
    ] = ""
    default_locale: Annotated[
        str, describe("Language of the web interface until a user chooses one, such as `en-US`.")
    ] = ""
    external_pwa_manifest_url: Annotated[
        str, describe("URL of a web app manifest that replaces the built-in `/manifest.json`.")
    ] = ""
    iframe_csp: Annotated[
        str, describe("Content security policy for the content that the web interface shows in frames.")
    ] = ""
    onedrive_client_id_personal: Annotated[
        str,
        describe("Microsoft application ID for choosing OneDrive files of personal accounts.", "ONEDRIVE_CLIENT_ID"),
    ] = ""
    onedrive_client_id_business: Annotated[
        str,
        describe("Microsoft application ID for choosing OneDrive files of business accounts.", "ONEDRIVE_CLIENT_ID"),
    ] = ""
    enable_onedrive_personal: Annotated[
        bool, describe("Offer OneDrive for personal accounts when an application ID is set for them.")
    ] = True
    enable_onedrive_business: Annotated[
        bool, describe("Offer OneDrive for business accounts when an application ID is set for them.")
    ] = True
    enable_easter_eggs: Annotated[bool, describe("Enable the easter eggs of the web interface.")] = True
    enable_pyodide_file_persistence: Annotated[
        bool, describe("Keep the files of code that runs in the browser (Pyodide).")
    ] = False
    enable_public_active_users_count: Annotated[bool, describe("Show the number of active users to every user.")] = True
    enable_version_update_check: Annotated[bool, describe("Check for newer versions; never in `OFFLINE_MODE`.")] = True
    offline_mode: Annotated[bool, describe("Send no requests to the internet unless a user causes them.")] = False
    profile_image_allowed_mime_types: Annotated[
        str, describe("Media types of profile images that are served, separated by `,`.")
    ] = "image/png,image/jpeg,image/gif,image/webp"
    profile_image_max_data_uri_size: Annotated[
        int | None, describe("Largest image that a profile stores as a data URI, in bytes; no limit when unset.")
    ] = None
    enable_profile_image_url_forwarding: Annotated[
        bool, describe("Redirect to profile images that are stored on other servers.")
    ] = True


class HeaderSettings(PageSettings, frozen=True, kw_only=True):
    """Origins and security headers"""

    cors_allow_origin: Annotated[
        str, describe("Origins that browsers may call the server from, separated by `;`; `*` allows all.")
    ] = "*"
    cors_allow_custom_scheme: Annotated[
        str, describe("URL schemes that origins may have besides `http` and `https`, separated by `;`.")
    ] = ""
    hsts: Annotated[str, describe("Value of the response header `Strict-Transport-Security`; not sent when empty.")] = (
        ""
    )
    permissions_policy: Annotated[
        str, describe("Value of the response header `Permissions-Policy`; not sent when empty.")
    ] = ""
    referrer_policy: Annotated[
        str, describe("Value of the response header `Referrer-Policy`; not sent when empty.")
    ] = ""
    cache_control: Annotated[
        str,
        describe(
            "Value of the response header `Cache-Control`, which replaces the value of each response; "
            "unchanged when empty."
        ),
    ] = ""
    xcontent_type: Annotated[
        str, describe("Value of the response header `X-Content-Type-Options`; not sent when empty.")
    ] = ""
    xdownload_options: Annotated[
        str, describe("Value of the response header `X-Download-Options`; not sent when empty.")
    ] = ""
    xframe_options: Annotated[str, describe("Value of the response header `X-Frame-Options`; not sent when empty.")] = (
        ""
    )
    xpermitted_cross_domain_policies: Annotated[
        str, describe("Value of the response header `X-Permitted-Cross-Domain-Policies`; not sent when empty.")
    ] = ""
    content_security_policy: Annotated[
        str, describe("Value of the response header `Content-Security-Policy`; not sent when empty.")
    ] = ""
    content_security_policy_report_only: Annotated[
        str, describe("Value of the response header `Content-Security-Policy-Report-Only`; not sent when empty.")
    ] = ""
    cross_origin_embedder_policy: Annotated[
        str, describe("Value of the response header `Cross-Origin-Embedder-Policy`; not sent when empty.")
    ] = ""
    cross_origin_opener_policy: Annotated[
        str, describe("Value of the response header `Cross-Origin-Opener-Policy`; not sent when empty.")
    ] = ""
    cross_origin_resource_policy: Annotated[
        str, describe("Value of the response header `Cross-Origin-Resource-Policy`; not sent when empty.")
    ] = ""
    reporting_endpoints: Annotated[
        str, describe("Value of the response header `Reporting-Endpoints`; not sent when empty.")
    ] = ""
