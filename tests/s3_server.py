"""A bucket for tests, on a server that speaks the protocol of S3."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3


def create_client(url: str) -> Any:
    """Create a client with the library that Open WebUI uses for S3."""
    return boto3.client(
        "s3", endpoint_url=url, aws_access_key_id="key", aws_secret_access_key="secret", region_name="us-east-1"
    )


@contextmanager
def run_bucket_server(name: str = "files-of-tests") -> Iterator[dict[str, str]]:
    """Run a server with an empty bucket, and yield the variables that select it."""
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer("127.0.0.1", 0)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    create_client(url).create_bucket(Bucket=name)
    yield {
        "STORAGE_PROVIDER": "s3",
        "S3_BUCKET_NAME": name,
        "S3_ENDPOINT_URL": url,
        "S3_ACCESS_KEY_ID": "key",
        "S3_SECRET_ACCESS_KEY": "secret",
        "S3_REGION_NAME": "us-east-1",
    }
    server.stop()
