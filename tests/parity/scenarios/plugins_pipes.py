"""Pipes: their entries in the list of models, and every form of answer, whole and streamed."""

from parity.probe_pipes import FORMS, MANIFOLD
from parity.probe_plugins import install_steps
from parity.steps import Step, delete, flatten_steps, get, post

_ASK = "/api/chat/completions"
_ANYBODY = [{"principal_type": "user", "principal_id": "*", "permission": "read"}]
_FORMS = (
    *("text", "empty", "generator", "coroutines", "bytes", "lines", "chunks", "iterator", "object", "object_error"),
    *("none", "number", "items", "refuse", "refuse_later", "response"),
)


def _ask(
    words: str, model: str = "forms", who: str = "ada", *, ignore: tuple[str, ...] = (), why: str = "", **more: object
) -> Step:
    body = {"model": model, "messages": [{"role": "user", "content": words}], **more}
    return post(who, _ASK, body, ignore=ignore, why=why)


#: The reference sends an empty chunk of an empty text, and goes on after a line with `[DONE]`.
_NOT_STREAMED = ("empty", "lines")
_DONE = "the reference ends a stream of one object or error without [DONE]"


def _stream(form: str) -> Step:
    """Return the step for a form, streamed; the reference gives each chunk an id of its own."""
    has_one_event = form in ("object", "object_error", "refuse")
    return _ask(
        form,
        stream=True,
        ignore=("$.length",) if has_one_event else ("$[*].id",),
        why=_DONE if has_one_event else "chunks have the id of their stream here",
    )


STEPS = flatten_steps(
    install_steps("forms", FORMS),
    install_steps("many", MANIFOLD),
    get("ada", "/api/models", query={"refresh": True}),
    get("bob", "/api/models"),
    *[_ask(form) for form in _FORMS],
    *[_stream(form) for form in _FORMS if form not in _NOT_STREAMED],
    # Models of a manifold.
    _ask("show", "many.one"),
    _ask("show", "many.two.half", temperature=0.5, unknown=1, stream=False),
    _ask("show", "many.one", stream=True, ignore=("$.length",), why=_DONE),
    _ask(
        "show",
        "many.one",
        features={"memory": False},
        files=[{"type": "text", "name": "x", "content": "y"}],
        ignore=("$.got.body.messages[0].content",),
        why="the template of sources is our own",
    ),
    _ask("show", "many.nothing"),
    _ask("show", "many"),
    post("ada", "/api/v1/functions/id/many/valves/update", {"names": "three", "prefix": "New: "}),
    get("ada", "/api/models", query={"refresh": True}),
    _ask("show", "many.three"),
    post("ada", "/api/v1/functions/id/many/valves/user/update", {"tone": "rude"}),
    _ask("show", "many.three"),
    # Access, and models of the workspace.
    _ask("text", who="bob"),
    post("ada", "/api/v1/models/model/access/update", {"id": "forms", "access_grants": _ANYBODY}),
    get("bob", "/api/models"),
    _ask("text", who="bob"),
    post(
        "ada",
        "/api/v1/models/create",
        {
            "id": "preset",
            "base_model_id": "many.three",
            "name": "Preset",
            "meta": {},
            "params": {"system": "Be short.", "temperature": 0.25, "custom_params": {"x": 1}},
            "access_grants": _ANYBODY,
        },
    ),
    get("ada", "/api/models", query={"refresh": True}),
    _ask("show", "preset"),
    _ask("show", "preset", temperature=1),
    _ask("show", "preset", who="bob"),
    # Switched off, broken, deleted.
    post("ada", "/api/v1/functions/id/many/valves/update", {"names": "raise"}),
    get("ada", "/api/models", query={"refresh": True}),
    post("ada", "/api/v1/functions/id/forms/toggle", ignore=("$",), why="compared elsewhere"),
    get("ada", "/api/models", query={"refresh": True}),
    _ask("text"),
    delete("ada", "/api/v1/functions/id/many/delete"),
    get("ada", "/api/models", query={"refresh": True}),
    _ask("show", "many.three"),
)
