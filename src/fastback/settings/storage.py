"""Settings of the storage of uploaded files."""

from __future__ import annotations

from typing import Annotated

from fastback.settings.database import Keeping
from fastback.settings.field import about


class Storages(Keeping, frozen=True, kw_only=True):
    """File storage"""

    storage_provider: Annotated[
        str,
        about(
            "Where uploaded files are stored: `local` is the upload directory; `s3`, `gcs` and `azure` are buckets.",
            choices=("local", "s3", "gcs", "azure"),
        ),
    ] = "local"
    storage_local_cache: Annotated[
        bool, about("Keep a copy of each file from the bucket in the upload directory and read the copy.")
    ] = True
    s3_bucket_name: Annotated[str, about("Name of the S3 bucket.")] = ""
    s3_key_prefix: Annotated[str, about("Folder in the S3 bucket.")] = ""
    s3_region_name: Annotated[str, about("Region of the S3 bucket.")] = ""
    s3_endpoint_url: Annotated[str, about("URL of an S3-compatible server.")] = ""
    s3_access_key_id: Annotated[
        str, about("Access key for S3; credentials of the environment, the machine or its role when empty.")
    ] = ""
    s3_secret_access_key: Annotated[str, about("Secret of the access key.")] = ""
    s3_addressing_style: Annotated[
        str,
        about(
            "Where URLs contain the name of the bucket: `virtual` (in the host name) or `path`; the "
            "usual place when empty."
        ),
    ] = ""
    s3_use_accelerate_endpoint: Annotated[bool, about("Use the accelerated endpoint of AWS.")] = False
    s3_enable_tagging: Annotated[bool, about("Tag each object with its file and its owner.")] = False
    gcs_bucket_name: Annotated[str, about("Name of the Google Cloud Storage bucket.")] = ""
    google_application_credentials_json: Annotated[
        str, about("Key of a Google service account, as JSON; credentials of the environment when empty.")
    ] = ""
    azure_storage_endpoint: Annotated[str, about("URL of the blob endpoint of an Azure storage account.")] = ""
    azure_storage_container_name: Annotated[str, about("Name of the container in the Azure storage account.")] = ""
    azure_storage_key: Annotated[
        str, about("Key of the Azure storage account; the identity of the machine when empty.")
    ] = ""
