"""Reading of what clients send: resources, and filters that are checked against a type of resource."""

from __future__ import annotations

import asyncio
from typing import Any, TypeVar

from pydantic import ValidationError
from scim2_models import Error, Resource, ScimFilter, ScimPolicy, SearchRequest
from scim2_models.path import FilterNode, LogicalExpr, Not, ValuePath

from fastback.features.scim.errors import InvalidSyntax, ScimError
from fastback.features.scim.standard.resources import Group, User

R = TypeVar("R", bound=Resource[Any])

#: Characters of the longest filter, and comparisons in it: enough for a hundred addresses.
MAX_FILTER_LENGTH, MAX_COMPARISONS = 8_192, 200
#: Characters from which on a filter is parsed in a thread: parsing takes a microsecond for each.
_LONG_FILTER = 1_000
#: The messages of searches, by the types of resources: making one takes ten milliseconds.
_REQUESTS: dict[tuple[type[Resource[Any]], ...], Any] = {
    (User,): SearchRequest[User],
    (Group,): SearchRequest[Group],
    (User, Group): SearchRequest[User | Group],
}
#: Attributes that the program does not have are dropped, as the reference drops them.
_TOLERANT = ScimPolicy(unknown=ScimPolicy.Unknown.ignore)


def read_resource(model: type[R], data: dict[str, Any]) -> R:
    """Return the resource of a request.

    Raises:
        ScimError: 400, an attribute has another type.
    """
    try:
        return model.model_validate(data, scim_policy=_TOLERANT)
    except ValidationError as error:
        raise convert_validation_error(error) from None
    except RecursionError:
        raise InvalidSyntax("The JSON is nested too deeply.") from None


def convert_validation_error(error: ValidationError) -> ScimError:
    """Return the response to the first problem of an invalid message."""
    first = Error.from_validation_errors(error)[0]
    return ScimError(400, str(first.detail), first.scim_type or "invalidValue")


async def read_filter(text: str, *models: type[Resource[Any]]) -> ScimFilter[Any]:
    """Return the filter of a list of these types of resources.

    Raises:
        ScimError: 400, the filter is malformed or too long, or no type has an attribute that it names.
    """
    if len(text) > MAX_FILTER_LENGTH:
        raise ScimError(400, f"The filter is too long: {MAX_FILTER_LENGTH} characters at most", "invalidFilter")
    request = _REQUESTS[models]
    try:
        if len(text) > _LONG_FILTER:
            search = await asyncio.to_thread(request.model_validate, {"filter": text})
        else:
            search = request.model_validate({"filter": text})
    except ValidationError as error:
        refusal = convert_validation_error(error)
        raise ScimError(400, str(refusal.detail), "invalidFilter") from None
    scim_filter: ScimFilter[Any] = search.filter
    if count_comparisons(scim_filter.ast) > MAX_COMPARISONS:
        raise ScimError(400, f"The filter has more than {MAX_COMPARISONS} comparisons", "invalidFilter")
    return scim_filter


def count_comparisons(node: FilterNode) -> int:
    """Return the number of comparisons in a filter."""
    if isinstance(node, LogicalExpr):
        return sum(count_comparisons(term) for term in node.terms)
    if isinstance(node, Not):
        return count_comparisons(node.expr)
    return count_comparisons(node.val_filter) if isinstance(node, ValuePath) else 1
