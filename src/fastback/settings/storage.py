"""Settings: where uploaded files lie."""

from __future__ import annotations

from typing import Annotated

from fastback.settings.database import Keeping
from fastback.settings.field import about


class Storages(Keeping, frozen=True, kw_only=True):
    """Storage of files"""

    storage_provider: Annotated[
        str,
        about("Where files lie: in the directory of uploads, or in a bucket.", choices=("local", "s3", "gcs", "azure")),
    ] = "local"
    storage_local_cache: Annotated[
        bool, about("Keep a copy of what lies in a bucket in the directory of uploads, and read that.")
    ] = True
    s3_bucket_name: Annotated[str, about("Bucket of S3.")] = ""
    s3_key_prefix: Annotated[str, about("Folder in it.")] = ""
    s3_region_name: Annotated[str, about("Its region.")] = ""
    s3_endpoint_url: Annotated[str, about("Address of a server that speaks like S3.")] = ""
    s3_access_key_id: Annotated[
        str, about("Key; without one the credentials of the environment, the machine or its role count.")
    ] = ""
    s3_secret_access_key: Annotated[str, about("Its secret.")] = ""
    s3_addressing_style: Annotated[
        str, about("Where the bucket stands in addresses: `virtual` (in the name), `path`, or as usual when empty.")
    ] = ""
    s3_use_accelerate_endpoint: Annotated[bool, about("Use the accelerated endpoint of AWS.")] = False
    s3_enable_tagging: Annotated[bool, about("Tag objects with the file and its owner.")] = False
    gcs_bucket_name: Annotated[str, about("Bucket of Google Cloud Storage.")] = ""
    google_application_credentials_json: Annotated[
        str, about("A service account's key, JSON; without one the environment's credentials count.")
    ] = ""
    azure_storage_endpoint: Annotated[str, about("Address of an account's blobs in Azure.")] = ""
    azure_storage_container_name: Annotated[str, about("Container in it.")] = ""
    azure_storage_key: Annotated[str, about("The account's key; without one the machine's identity counts.")] = ""
