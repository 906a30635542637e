"""Settings of vector stores."""

from __future__ import annotations

from typing import Annotated

from fastback.settings.embedding import EmbeddingSettings
from fastback.settings.field import describe


class VectorStoreSettings(EmbeddingSettings, frozen=True, kw_only=True):
    """Vector stores"""

    vector_db: Annotated[
        str,
        describe(
            "`chroma` is the built-in vector store, or the server in `CHROMA_HTTP_HOST` if that is "
            "set; the others are `pgvector` and `qdrant`. Data that Chroma stored in the data "
            "directory is imported into the built-in store."
        ),
    ] = "chroma"
    chroma_http_host: Annotated[str, describe("Host name of a Chroma server.")] = ""
    chroma_http_port: Annotated[int, describe("Port of the Chroma server.", minimum=0, maximum=65535)] = 8000
    chroma_http_ssl: Annotated[bool, describe("Use HTTPS for the Chroma server.")] = False
    chroma_http_headers: Annotated[
        str, describe("Headers of requests to the Chroma server: `name=value`, separated by `,`.")
    ] = ""
    chroma_tenant: Annotated[str, describe("Tenant on the Chroma server.")] = "default_tenant"
    chroma_database: Annotated[str, describe("Database on the Chroma server.")] = "default_database"
    chroma_client_auth_provider: Annotated[
        str,
        describe(
            "How credentials are sent to the Chroma server: a name that ends in "
            "`TokenAuthClientProvider` or `BasicAuthClientProvider`."
        ),
    ] = ""
    chroma_client_auth_credentials: Annotated[
        str, describe("Credentials for the Chroma server: a token, or `name:password`.")
    ] = ""
    qdrant_uri: Annotated[str, describe("URL of a Qdrant server, such as `http://localhost:6333`.")] = ""
    qdrant_api_key: Annotated[str, describe("API key for the Qdrant server.")] = ""
    qdrant_on_disk: Annotated[bool, describe("Store vectors on the disk of the Qdrant server.")] = False
    qdrant_prefer_grpc: Annotated[
        bool, describe("Use gRPC instead of HTTP for the Qdrant server.", no_effect="Fastback always uses HTTP")
    ] = False
    qdrant_grpc_port: Annotated[
        int,
        describe(
            "Port for gRPC on the Qdrant server.", minimum=0, maximum=65535, no_effect="Fastback always uses HTTP"
        ),
    ] = 6334
    qdrant_timeout: Annotated[float, describe("Seconds that a response of the Qdrant server may take.", minimum=0)] = 5
    qdrant_hnsw_m: Annotated[int, describe("Number of neighbours of each point in the index of Qdrant.", minimum=0)] = (
        16
    )
    enable_qdrant_multitenancy_mode: Annotated[
        bool, describe("Store all collections in a small number of shared Qdrant collections.")
    ] = True
    qdrant_collection_prefix: Annotated[str, describe("Prefix of the names of Qdrant collections.")] = "open-webui"
    pgvector_db_url: Annotated[
        str, describe("URL of a PostgreSQL database with pgvector; the database of the application when empty.")
    ] = ""
    pgvector_initialize_max_vector_length: Annotated[
        int,
        describe(
            "Dimensions of the vector column; shorter vectors are padded with zeros, longer ones are cut off.",
            minimum=1,
        ),
    ] = 1536
    pgvector_use_halfvec: Annotated[
        bool, describe("Store vectors as 16-bit numbers; required for more than 2,000 dimensions.")
    ] = False
    pgvector_create_extension: Annotated[
        bool, describe("Create the required extension of PostgreSQL if it does not exist.")
    ] = True
    pgvector_pgcrypto: Annotated[bool, describe("Encrypt texts and metadata in pgvector.")] = False
    pgvector_pgcrypto_key: Annotated[str, describe("Key for this encryption.")] = ""
    pgvector_pool_size: Annotated[
        int | None, describe("Number of connections to pgvector that stay open; 10 when unset.", minimum=0)
    ] = None
    pgvector_pool_max_overflow: Annotated[
        int | None, describe("Number of additional connections to pgvector under load.", minimum=0)
    ] = 0
    pgvector_pool_timeout: Annotated[
        int | None, describe("Seconds to wait for a free connection to pgvector.", minimum=0)
    ] = 30
    pgvector_pool_recycle: Annotated[
        int | None, describe("Seconds after which an idle connection to pgvector is replaced.", minimum=0)
    ] = 3600
    pgvector_index_method: Annotated[
        str,
        describe(
            "Index for vectors: `ivfflat` or `hnsw`; when empty, `hnsw` for 16-bit numbers and `ivfflat` otherwise."
        ),
    ] = ""
    pgvector_hnsw_m: Annotated[int, describe("Number of neighbours of each vector in an `hnsw` index.", minimum=2)] = 16
    pgvector_hnsw_ef_construction: Annotated[
        int,
        describe(
            "Number of candidates considered while an `hnsw` index is built; a higher number makes a "
            "better index more slowly.",
            minimum=4,
        ),
    ] = 64
    pgvector_ivfflat_lists: Annotated[int, describe("Number of lists in an `ivfflat` index.", minimum=1)] = 100
    pgvector_iterative_scan: Annotated[
        str,
        describe(
            "How an index scan continues if a filter leaves too few rows: `off`, `relaxed_order` or `strict_order`."
        ),
    ] = "relaxed_order"
