"""The configured storage of files."""

from __future__ import annotations

from fastback.kit.storage import Storage
from fastback.kit.storage.local_storage import LocalStorage
from fastback.settings import Settings, SettingsError


def create_storage(settings: Settings) -> Storage:
    """Create the storage that the settings describe, without connecting to it.

    Raises:
        SettingsError: a setting that the provider needs is missing or invalid.
    """
    directory = settings.upload_path
    if settings.storage_provider == "local":
        return LocalStorage(directory)
    from fastback.kit.storage import bucket_providers

    cache = settings.storage_local_cache
    try:
        if settings.storage_provider == "s3":
            return bucket_providers.create_s3_storage(
                _require_variable("S3_BUCKET_NAME", settings.s3_bucket_name),
                directory=directory,
                cache=cache,
                prefix=settings.s3_key_prefix,
                region=settings.s3_region_name,
                endpoint=settings.s3_endpoint_url,
                key_id=settings.s3_access_key_id,
                secret=settings.s3_secret_access_key,
                addressing=settings.s3_addressing_style,
                accelerate=settings.s3_use_accelerate_endpoint,
                keep_tags=settings.s3_enable_tagging,
            )
        if settings.storage_provider == "gcs":
            bucket = _require_variable("GCS_BUCKET_NAME", settings.gcs_bucket_name)
            credentials = settings.google_application_credentials_json
            return bucket_providers.create_gcs_storage(
                bucket, directory=directory, cache=cache, credentials=credentials
            )
        return bucket_providers.create_azure_storage(
            _require_variable("AZURE_STORAGE_ENDPOINT", settings.azure_storage_endpoint),
            _require_variable("AZURE_STORAGE_CONTAINER_NAME", settings.azure_storage_container_name),
            directory=directory,
            cache=cache,
            key=settings.azure_storage_key,
        )
    except SettingsError:
        raise
    except Exception as error:
        raise SettingsError(f"STORAGE_PROVIDER={settings.storage_provider}: {error}") from error


def _require_variable(variable: str, value: str) -> str:
    if not value:
        raise SettingsError(f"{variable} is missing")
    return value
