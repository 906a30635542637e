"""Knowledge in an external vector database: connections, sources, and operations that are read-only."""

from parity.steps import delete, flatten_steps, get, patch, post, refused_steps

_ALL = "/api/v1/knowledge"
_CONNECTIONS = f"{_ALL}/external/connections"
_ONE = f"{_CONNECTIONS}/${{connection}}"
_QDRANT = {
    "name": " Birds' store ",
    "provider": " Qdrant ",
    "endpoint": " http://127.0.0.1:1 ",
    "auth_config": {"api_key": "secret"},
    "config": {"timeout": 5, "db_name": "x", "other": 1},
}
_SOURCE = {"name": " birds ", "config": {"content_field": " payload.text ", "vector_field": "", "other": 1}}
_EVERY = (
    ("GET", _CONNECTIONS, None),
    ("POST", _CONNECTIONS, _QDRANT),
    ("GET", f"{_CONNECTIONS}/nothing", None),
    ("PATCH", f"{_CONNECTIONS}/nothing", _QDRANT),
    ("DELETE", f"{_CONNECTIONS}/nothing", None),
    ("POST", f"{_CONNECTIONS}/nothing/test", None),
    ("POST", f"{_CONNECTIONS}/nothing/retrieve-test", {"query": "x"}),
    ("POST", f"{_ALL}/external/knowledge/create", {"name": "x", "connection_id": "nothing", "source": _SOURCE}),
    ("POST", f"{_ALL}/external/source/test", {"connection": _QDRANT, "source": _SOURCE, "query": " "}),
    ("POST", f"{_ALL}/external/source/create",
     {"name": "x", "connection": _QDRANT, "source": _SOURCE, "test_query": " "}),
    ("PATCH", f"{_ALL}/external/source/nothing",
     {"name": "x", "connection": _QDRANT, "source": _SOURCE, "test_query": " "}),
    ("POST", f"{_ALL}/reindex", None),
    ("POST", f"{_ALL}/metadata/reindex", None),
)  # fmt: skip


def _test_source(source: object, provider: str = "qdrant"):
    connection = {**_QDRANT, "provider": provider}
    return post("ada", f"{_ALL}/external/source/test", {"connection": connection, "source": source, "query": "x"})


STEPS = flatten_steps(
    *[
        refused_steps("bob pending anonymous", method, path, *([body] if body is not None else []))
        for method, path, body in _EVERY
    ],
    *[
        refused_steps("ada", method, path, *([body] if body is not None else []))
        for method, path, body in _EVERY
        if path != _CONNECTIONS
    ],
    get("ada", _CONNECTIONS),
    # Invalid connections.
    post("ada", _CONNECTIONS, {}),
    post("ada", _CONNECTIONS, {**_QDRANT, "provider": "chroma"}),
    post("ada", _CONNECTIONS, {**_QDRANT, "name": " "}),
    post("ada", _CONNECTIONS, {**_QDRANT, "endpoint": " "}),
    post("ada", _CONNECTIONS, {**_QDRANT, "enabled": "perhaps", "auth_config": "x"}),
    # Connections.
    post("ada", _CONNECTIONS, _QDRANT, save={"connection": "$.id"}),
    post("ada", _CONNECTIONS, {**_QDRANT, "provider": "milvus"}, save={"milvus": "$.id"}),
    post(
        "ada",
        _CONNECTIONS,
        {
            "name": "p",
            "provider": "pgvector",
            "endpoint": "postgresql://u:p@x/y",
            "auth_config": {"a": 1},
            "capabilities": {"more": True},
        },
        save={"pg": "$.id"},
    ),
    get("ada", _CONNECTIONS),
    get("ada", _ONE),
    patch("ada", _ONE, {**_QDRANT, "name": "", "auth_config": None}),
    patch("ada", _ONE, {"name": "Renamed", "provider": "qdrant", "endpoint": "http://127.0.0.1:1", "enabled": False}),
    get("ada", _ONE),
    post("ada", f"{_ONE}/test"),
    patch("ada", _ONE, {**_QDRANT, "name": "Renamed", "auth_config": {}}),
    post("ada", f"{_ONE}/test"),
    get("ada", _ONE),
    # Invalid sources.
    post("ada", f"{_ONE}/retrieve-test", {}),
    post("ada", f"{_ONE}/retrieve-test", {"query": " "}),
    post("ada", f"{_ONE}/retrieve-test", {"query": "x", "source": {"name": "x"}}),
    post("ada", f"{_ALL}/external/source/test", {}),
    post(
        "ada",
        f"{_ALL}/external/source/test",
        {"connection_id": "nothing", "connection": _QDRANT, "source": _SOURCE, "query": "x"},
    ),
    _test_source({"name": "x"}),
    _test_source({"name": " ", "config": {"content_field": "x"}}),
    _test_source({"name": "x", "type": "table", "config": {"content_field": "x"}}),
    _test_source({"name": "x", "config": {"content_field": "x"}}, "milvus"),
    _test_source({"name": "x", "config": {"content_field": "x"}}, "pgvector"),
    _test_source(_SOURCE, "chroma"),
    post("ada", f"{_ALL}/external/source/create", {}),
    post(
        "ada",
        f"{_ALL}/external/source/create",
        {"name": " ", "connection": _QDRANT, "source": _SOURCE, "test_query": "x"},
    ),
    post(
        "ada",
        f"{_ALL}/external/source/create",
        {"name": "x", "connection": _QDRANT, "source": _SOURCE, "test_query": ""},
    ),
    # Knowledge of a connection.
    post("ada", f"{_ALL}/external/knowledge/create", {}),
    post(
        "ada", f"{_ALL}/external/knowledge/create", {"name": " ", "connection_id": "${connection}", "source": _SOURCE}
    ),
    post(
        "ada",
        f"{_ALL}/external/knowledge/create",
        {"name": "x", "connection_id": "${connection}", "source": {"name": "x"}},
    ),
    post(
        "ada",
        f"{_ALL}/external/knowledge/create",
        {
            "name": " Far away ",
            "connection_id": "${connection}",
            "source": _SOURCE,
            "access_grants": [{"principal_type": "user", "principal_id": "*", "permission": "read"}],
        },
        save={"far": "$.id"},
    ),
    get("bob", f"{_ALL}/${{far}}"),
    get("bob", f"{_ALL}/${{far}}/files"),
    get("bob", f"{_ALL}/search", query={"source": "external"}),
    get("bob", f"{_ALL}/search", query={"source": "local"}),
    delete("ada", _ONE),
    # It is read-only.
    *[
        post("ada", f"{_ALL}/${{far}}/{path}", body)
        for path, body in (
            ("file/add", {"file_id": "x"}),
            ("file/update", {"file_id": "x"}),
            ("file/remove", {"file_id": "x"}),
            ("file/move", {"file_id": "x"}),
            ("files/batch/add", []),
            ("dirs/create", {"name": "x"}),
            ("sync/diff", {"manifest": []}),
            ("sync/cleanup", {"file_ids": []}),
            ("reset", {}),
        )
    ],
    get("ada", f"{_ALL}/${{far}}/export"),
    post("ada", f"{_ALL}/${{far}}/update", {"name": "Farther", "description": "x"}),
    patch(
        "ada",
        f"{_ALL}/external/source/${{far}}",
        {"name": " ", "connection": _QDRANT, "source": _SOURCE, "test_query": "x"},
    ),
    patch(
        "ada",
        f"{_ALL}/external/source/${{far}}",
        {"name": "x", "connection": _QDRANT, "source": {"name": "x"}, "test_query": "x"},
    ),
    patch(
        "ada",
        f"{_ALL}/external/source/${{far}}",
        {"name": "x", "connection": {**_QDRANT, "provider": "x"}, "source": _SOURCE, "test_query": "x"},
    ),
    patch("ada", f"{_ALL}/external/source/${{far}}", {}),
    # Deleting the last knowledge of a connection deletes the connection.
    delete("ada", f"{_ALL}/${{far}}/delete"),
    get("ada", _CONNECTIONS),
    delete("ada", f"{_CONNECTIONS}/${{pg}}"),
    delete("ada", f"{_CONNECTIONS}/${{pg}}"),
    delete("ada", f"{_CONNECTIONS}/${{milvus}}"),
    get("ada", _CONNECTIONS),
)
