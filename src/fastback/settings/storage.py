"""Settings of the storage of uploaded files."""

from __future__ import annotations

from typing import Annotated

from fastback.settings.database import StoredConfigSettings
from fastback.settings.field import describe


class StorageSettings(StoredConfigSettings, frozen=True, kw_only=True):
    """File storage"""

    storage_provider: Annotated[
        str,
        describe(
            "Where uploaded files are stored: `local` is the upload directory; `s3`, `gcs` and `azure` are buckets.",
            choices=("local", "s3", "gcs", "azure"),
        ),
    ] = "local"
    storage_local_cache: Annotated[
        bool, describe("Keep a copy of each file from the bucket in the upload directory and read the copy.")
    ] = True
    s3_bucket_name: Annotated[str, describe("Name of the S3 bucket.")] = ""
    s3_key_prefix: Annotated[str, describe("Folder in the S3 bucket.")] = ""
    s3_region_name: Annotated[str, describe("Region of the S3 bucket.")] = ""
    s3_endpoint_url: Annotated[str, describe("URL of an S3-compatible server.")] = ""
    s3_access_key_id: Annotated[
        str, describe("Access key for S3; credentials of the environment, the machine or its role when empty.")
    ] = ""
    s3_secret_access_key: Annotated[str, describe("Secret of the access key.")] = ""
    s3_addressing_style: Annotated[
        str,
        describe(
            "Where URLs contain the name of the bucket: `virtual` (in the host name) or `path`; the "
            "usual place when empty."
        ),
    ] = ""
    s3_use_accelerate_endpoint: Annotated[bool, describe("Use the accelerated endpoint of AWS.")] = False
    s3_enable_tagging: Annotated[bool, describe("Tag each object with its file and its owner.")] = False
    gcs_bucket_name: Annotated[str, describe("Name of the Google Cloud Storage bucket.")] = ""
    google_application_credentials_json: Annotated[
        str, describe("Key of a Google service account, as JSON; credentials of the environment when empty.")
    ] = ""
    azure_storage_endpoint: Annotated[str, describe("URL of the blob endpoint of an Azure storage account.")] = ""
    azure_storage_container_name: Annotated[str, describe("Name of the container in the Azure storage account.")] = ""
    azure_storage_key: Annotated[
        str, describe("Key of the Azure storage account; the identity of the machine when empty.")
    ] = ""
