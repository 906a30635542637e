"""Settings: listening, logging, files, the page, headers of answers."""

from __future__ import annotations

from typing import Annotated

import msgspec

from fastback.settings.field import about


class Serving(msgspec.Struct, frozen=True, kw_only=True):
    """Listening and logging"""

    host: Annotated[str, about("Address to listen on.")] = "0.0.0.0"
    port: Annotated[int, about("Port to listen on.", least=0, most=65535)] = 8080
    env: Annotated[str, about("`prod` inside a container; there `OLLAMA_BASE_URL=/ollama` means the host.")] = "dev"
    uvicorn_workers: Annotated[int, about("Processes that serve.", idle="waits for several processes")] = 1
    uvicorn_ws_per_message_deflate: Annotated[
        bool, about("Compress what goes over a WebSocket, at a third of a megabyte for each that is open.")
    ] = False
    forwarded_allow_ips: Annotated[str, about("Proxies whose `X-Forwarded-*` headers are believed; `*`: all.")] = "*"
    thread_pool_size: Annotated[
        int | None, about("Threads for work that would hold up the event loop; Python's own choice when unset.")
    ] = None
    instance_id: Annotated[
        str, about("Name of this process among several; made up when empty.", idle="waits for several processes")
    ] = ""
    deployment_id: Annotated[str, about("Name of this deployment, told by `/api/version`.")] = ""
    global_log_level: Annotated[
        str,
        about(
            "What is logged: `DEBUG`, `INFO`, `WARNING`, `ERROR` or `CRITICAL` and worse.",
            choices=("DEBUG", "INFO", "WARNING", "WARN", "ERROR", "CRITICAL", "FATAL", "NOTSET"),
        ),
    ] = "INFO"
    log_format: Annotated[str, about("`json` writes a JSON object a line; anything else, lines for people.")] = ""
    enable_compression_middleware: Annotated[bool, about("Compress large answers with brotli or gzip.")] = True


class Files(Serving, frozen=True, kw_only=True):
    """Directories"""

    data_dir: Annotated[str, about("Where the database, uploads and the secret key live.")] = "./data"
    upload_dir: Annotated[str, about("Where uploads live; `uploads` in the data directory when empty.")] = ""
    cache_dir: Annotated[str, about("Where `/cache` is served from; `cache` in the data directory when empty.")] = ""
    static_dir: Annotated[str, about("A directory whose files win over the frontend's under `/static`.")] = ""
    frontend_build_dir: Annotated[str, about("A built frontend to serve instead of the fetched one.")] = ""
    fastback_cache_dir: Annotated[
        str, about("Where the frontend and models that were fetched are kept; the user's cache when empty.")
    ] = ""


class Page(Files, frozen=True, kw_only=True):
    """The page"""

    webui_name: Annotated[
        str, about("Name shown by the page; another name than its own gets ` (Open WebUI)` added.")
    ] = "Open WebUI"
    webui_url: Annotated[str, about("Public address of the page; default of the stored key `webui.url`.")] = ""
    default_locale: Annotated[str, about("Language of the page before a user chose one, such as `en-US`.")] = ""
    external_pwa_manifest_url: Annotated[str, about("Where `/manifest.json` is taken from instead.")] = ""
    iframe_csp: Annotated[str, about("Content security policy of what the page shows in frames.")] = ""
    onedrive_client_id_personal: Annotated[
        str, about("Id at Microsoft for choosing files of private accounts.", "ONEDRIVE_CLIENT_ID")
    ] = ""
    onedrive_client_id_business: Annotated[str, about("The same for a business's accounts.", "ONEDRIVE_CLIENT_ID")] = ""
    enable_onedrive_personal: Annotated[bool, about("Offer private accounts where there is an id for them.")] = True
    enable_onedrive_business: Annotated[bool, about("Offer a business's accounts likewise.")] = True
    enable_easter_eggs: Annotated[bool, about("Surprises of the page.")] = True
    enable_pyodide_file_persistence: Annotated[bool, about("Keep files of code run in the page.")] = False
    enable_public_active_users_count: Annotated[bool, about("Everybody sees how many users are active.")] = True
    enable_version_update_check: Annotated[bool, about("Ask for newer versions; never in `OFFLINE_MODE`.")] = True
    offline_mode: Annotated[bool, about("Ask nothing of the internet on its own account.")] = False
    profile_image_allowed_mime_types: Annotated[str, about("Pictures of users that are served, separated by `,`.")] = (
        "image/png,image/jpeg,image/gif,image/webp"
    )
    profile_image_max_data_uri_size: Annotated[int | None, about("Largest picture kept in a profile, in bytes.")] = None
    enable_profile_image_url_forwarding: Annotated[bool, about("Redirect to profile pictures kept elsewhere.")] = True


class Headers(Page, frozen=True, kw_only=True):
    """Origins and security headers"""

    cors_allow_origin: Annotated[str, about("Origins that may call, separated by `;`; `*`: all.")] = "*"
    cors_allow_custom_scheme: Annotated[str, about("Schemes of origins besides http and https, separated by `;`.")] = ""
    hsts: Annotated[str, about("Value of `Strict-Transport-Security`.")] = ""
    permissions_policy: Annotated[str, about("Value of `Permissions-Policy`.")] = ""
    referrer_policy: Annotated[str, about("Value of `Referrer-Policy`.")] = ""
    cache_control: Annotated[str, about("Value of `Cache-Control` on every answer, whatever it says itself.")] = ""
    xcontent_type: Annotated[str, about("Value of `X-Content-Type-Options`.")] = ""
    xdownload_options: Annotated[str, about("Value of `X-Download-Options`.")] = ""
    xframe_options: Annotated[str, about("Value of `X-Frame-Options`.")] = ""
    xpermitted_cross_domain_policies: Annotated[str, about("Value of `X-Permitted-Cross-Domain-Policies`.")] = ""
    content_security_policy: Annotated[str, about("Value of `Content-Security-Policy`.")] = ""
    content_security_policy_report_only: Annotated[str, about("Value of `Content-Security-Policy-Report-Only`.")] = ""
    cross_origin_embedder_policy: Annotated[str, about("Value of `Cross-Origin-Embedder-Policy`.")] = ""
    cross_origin_opener_policy: Annotated[str, about("Value of `Cross-Origin-Opener-Policy`.")] = ""
    cross_origin_resource_policy: Annotated[str, about("Value of `Cross-Origin-Resource-Policy`.")] = ""
    reporting_endpoints: Annotated[str, about("Value of `Reporting-Endpoints`.")] = ""
