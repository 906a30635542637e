"""Operations of the HTTP interface as functions that plugins call: `await add_memory(request, form_data, user)`."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from fastback.plugin_host.awaited_or_not import awaited_or_not
from fastback.plugin_host.http_operations import call_operation
from fastback.plugin_host.record_models import dump_form

#: Arguments that the server needs nothing of.
_IGNORED = frozenset({"request", "db", "background_tasks", "response"})


def define_operation(
    verb: str, path: str, arguments: str = "request form_data user", *, result: type[Any] | None = None
) -> Any:
    """Return a function that runs an operation, awaited or not.

    `arguments` are its parameters in their order: those that the path names go into it, `form_data` is the body, `user`
    runs the operation (by default the request's own), others go into the query. A `result` is the model, or a list of
    models, that the response becomes.
    """
    names = arguments.split()

    @awaited_or_not
    async def operation(*args: Any, **kwargs: Any) -> Any:
        values = {**dict(zip(names, args, strict=False)), **kwargs}
        user = values.get("user") or find_user(values.get("request"))
        path_values = {name: quote(str(value), safe="") for name, value in values.items() if f"{{{name}}}" in path}
        query = {
            name: value
            for name, value in values.items()
            if name not in _IGNORED and name not in ("form_data", "user") and name not in path_values
        }
        content = dump_form(values["form_data"]) if values.get("form_data") is not None else None
        response = await call_operation(user, verb, path.format(**path_values), query=query, content=content)
        return build_result(response, result)

    return operation


def build_result(response: Any, result: type[Any] | None) -> Any:
    """Return a response as a model, or as a list of models."""
    if result is None or response is None:
        return response
    if isinstance(response, list):
        return [result.model_validate(entry) for entry in response]
    return result.model_validate(response)


def find_user(request: Any) -> Any:
    """Return the user of a request; None where it has none."""
    return getattr(getattr(request, "state", None), "user", None)
