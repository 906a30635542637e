"""Create the storage of each bucket provider from its settings."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from fastback.kit.storage.bucket_storage import BucketStorage


def _client_options(endpoint: str) -> Any:
    return {"allow_http": endpoint.lower().startswith("http://"), "timeout": "30 minutes", "connect_timeout": "30s"}


def create_s3_storage(
    bucket: str,
    *,
    directory: Path,
    cache: bool,
    prefix: str = "",
    region: str = "",
    endpoint: str = "",
    key_id: str = "",
    secret: str = "",
    addressing: str = "",
    accelerate: bool = False,
    keep_tags: bool = False,
) -> BucketStorage:
    """Return the storage of a bucket of S3, or of a server with its protocol.

    Without a key the credentials are those of the environment, of the machine or of its role. As in boto, requests to a
    custom endpoint have the bucket in the path, unless `addressing` is `virtual`; requests to AWS have it in the host
    name, unless it is `path`.
    """
    from obstore.store import S3Store

    options: dict[str, Any] = {"region": region} if region else {}
    if key_id and secret:
        options |= {"access_key_id": key_id, "secret_access_key": secret}
    virtual = addressing == "virtual" if endpoint else addressing != "path"
    if accelerate:
        virtual, endpoint = True, "https://s3-accelerate.amazonaws.com"
    if endpoint:
        options["endpoint"] = _add_bucket_to_host(endpoint, bucket) if virtual else endpoint.rstrip("/")
    options["virtual_hosted_style_request"] = virtual
    store = S3Store(bucket, client_options=_client_options(endpoint), **options)
    return BucketStorage(
        store, base=f"s3://{bucket}/", prefix=prefix, directory=directory, cache=cache, keep_tags=keep_tags
    )


def _add_bucket_to_host(endpoint: str, bucket: str) -> str:
    parts = urlsplit(endpoint)
    host = parts.netloc if parts.netloc.startswith(f"{bucket}.") else f"{bucket}.{parts.netloc}"
    return f"{parts.scheme}://{host}{parts.path.rstrip('/')}"


def create_gcs_storage(
    bucket: str, *, directory: Path, cache: bool, credentials: str = "", endpoint: str = ""
) -> BucketStorage:
    """Return the storage of a bucket of Google Cloud Storage.

    `credentials` is the JSON of a service account; without it those of the environment are used.
    """
    from obstore.store import GCSStore

    options: dict[str, Any] = {"service_account_key": credentials} if credentials else {}
    if endpoint:
        options |= {"base_url": endpoint, "skip_signature": True}
    store = GCSStore(bucket, client_options=_client_options(endpoint), **options)
    return BucketStorage(store, base=f"gs://{bucket}/", prefix="", directory=directory, cache=cache)


def create_azure_storage(
    endpoint: str, container: str, *, directory: Path, cache: bool, key: str = ""
) -> BucketStorage:
    """Return the storage of a container of Azure, at the address of an account.

    Without the key of the account the identity of the machine is used.
    """
    from obstore.store import AzureStore

    parts = urlsplit(endpoint)
    # In the cloud the account is the first part of the host name, in an emulator the first part of the path.
    account = parts.path.strip("/").split("/")[0] or (parts.hostname or "").split(".")[0]
    options: dict[str, Any] = {"account_name": account, "endpoint": endpoint.rstrip("/")}
    if key:
        options["account_key"] = key
    store = AzureStore(container, client_options=_client_options(endpoint), **options)
    return BucketStorage(store, base=f"{endpoint}/{container}/", prefix="", directory=directory, cache=cache)
