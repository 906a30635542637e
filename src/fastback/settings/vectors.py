"""Settings: where vectors are kept."""

from __future__ import annotations

from typing import Annotated

from fastback.settings.embedding import Embedding
from fastback.settings.field import about


class Vectors(Embedding, frozen=True, kw_only=True):
    """Vector stores"""

    vector_db: Annotated[
        str,
        about(
            "`chroma`: built in, or the server of `CHROMA_HTTP_HOST`; `pgvector`, `qdrant`. What Chroma kept in the "
            "data directory is taken over into the built-in store."
        ),
    ] = "chroma"
    chroma_http_host: Annotated[str, about("Host of a Chroma server.")] = ""
    chroma_http_port: Annotated[int, about("Its port.", least=0, most=65535)] = 8000
    chroma_http_ssl: Annotated[bool, about("It speaks HTTPS.")] = False
    chroma_http_headers: Annotated[str, about("Headers for it: `name=value`, separated by `,`.")] = ""
    chroma_tenant: Annotated[str, about("Tenant there.")] = "default_tenant"
    chroma_database: Annotated[str, about("Database there.")] = "default_database"
    chroma_client_auth_provider: Annotated[
        str, about("How it is told the credentials: a name that ends in `TokenAuthClientProvider` or with `Basic…`.")
    ] = ""
    chroma_client_auth_credentials: Annotated[str, about("The credentials: a token, or `name:password`.")] = ""
    qdrant_uri: Annotated[str, about("Address of a Qdrant server, such as `http://localhost:6333`.")] = ""
    qdrant_api_key: Annotated[str, about("Its key.")] = ""
    qdrant_on_disk: Annotated[bool, about("Let it keep vectors on disk.")] = False
    qdrant_prefer_grpc: Annotated[bool, about("gRPC instead of HTTP.", idle="HTTP is spoken always")] = False
    qdrant_grpc_port: Annotated[int, about("Port of gRPC.", least=0, most=65535, idle="HTTP is spoken always")] = 6334
    qdrant_timeout: Annotated[float, about("Seconds that it may take to answer.", least=0)] = 5
    qdrant_hnsw_m: Annotated[int, about("Neighbours of a point in its index.", least=0)] = 16
    enable_qdrant_multitenancy_mode: Annotated[bool, about("A few collections that many share.")] = True
    qdrant_collection_prefix: Annotated[str, about("What names of collections there begin with.")] = "open-webui"
    pgvector_db_url: Annotated[str, about("PostgreSQL with pgvector; the database itself when empty.")] = ""
    pgvector_initialize_max_vector_length: Annotated[
        int,
        about("Numbers of a vector in its table; shorter ones are filled up with zeros, longer ones cut off.", least=1),
    ] = 1536
    pgvector_use_halfvec: Annotated[bool, about("Numbers of 16 bits there; needed above 2,000 of them.")] = False
    pgvector_create_extension: Annotated[bool, about("Create the extension where it is missing.")] = True
    pgvector_pgcrypto: Annotated[bool, about("Texts and metadata are encrypted there.")] = False
    pgvector_pgcrypto_key: Annotated[str, about("The key for that.")] = ""
    pgvector_pool_size: Annotated[int | None, about("Connections kept to it; 10 when unset.", least=0)] = None
    pgvector_pool_max_overflow: Annotated[int | None, about("Connections beyond that under load.", least=0)] = 0
    pgvector_pool_timeout: Annotated[int | None, about("Seconds to wait for a connection.", least=0)] = 30
    pgvector_pool_recycle: Annotated[
        int | None, about("Seconds after which an idle connection is renewed.", least=0)
    ] = 3600
    pgvector_index_method: Annotated[
        str, about("Index of vectors: `ivfflat` or `hnsw`; `hnsw` with 16 bits, otherwise `ivfflat`, when empty.")
    ] = ""
    pgvector_hnsw_m: Annotated[int, about("Neighbours of a vector in an `hnsw` index.", least=2)] = 16
    pgvector_hnsw_ef_construction: Annotated[int, about("How carefully it is built.", least=4)] = 64
    pgvector_ivfflat_lists: Annotated[int, about("Lists of an `ivfflat` index.", least=1)] = 100
    pgvector_iterative_scan: Annotated[
        str, about("How an index goes on where a filter leaves little: `off`, `relaxed_order`, `strict_order`.")
    ] = "relaxed_order"
