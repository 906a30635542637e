"""Filters of clients of the API: what hooks change, see and raise; their order, and those that a request chooses."""

from parity.probe_pipes import MIRROR
from parity.probe_plugins import ORDERED_FILTER, PROBE_FILTER, install_steps
from parity.steps import Step, delete, flatten_steps, get, post

_ASK = "/api/chat/completions"
_TOOLS = "built-in tools are for pages alone here; the reference offers them wherever there is a session"
_ANYBODY = [{"principal_type": "user", "principal_id": "*", "permission": "read"}]


def _ask(
    words: str, model: str = "mirror", who: str = "ada", *, ignore: tuple[str, ...] = (), why: str = "", **more: object
) -> Step:
    body = {"model": model, "messages": [{"role": "user", "content": words}], **more}
    return post(who, _ASK, body, ignore=ignore, why=why)


def _ask_demo(words: str, **more: object) -> Step:
    return _ask(f"[[tokens 3]] {words}", "demo-small", **more)


def _ask_and_recall(words: str, **more: object) -> list[Step]:
    return [_ask_demo(words, **more), _ask("inlet:recall")]


def _install_ordered(function_id: str, rank: int, toggle: bool = False) -> list[Step]:
    content = ORDERED_FILTER.replace("RANK", str(rank)).replace("TOGGLE", str(toggle))
    return install_steps(function_id, content, is_global=True)


STEPS = flatten_steps(
    install_steps("mirror", MIRROR),
    get("ada", "/api/models", query={"refresh": True}),
    _ask("before"),
    install_steps("probe", PROBE_FILTER, is_global=True, valves={"word": "polite"}),
    post("ada", "/api/v1/functions/id/probe/valves/user/update", {"tone": "rude"}),
    # Inlets.
    *[
        _ask(f"inlet:{word}")
        for word in ("change", "new", "raise", "exit", "none", "list", "metadata", "no-metadata", "no-messages")
    ],
    _ask("inlet:show"),
    _ask("inlet:show", features={"memory": False}, files=[], variables={"{{USER_NAME}}": "Ada"}, filter_ids=["x"]),
    _ask("inlet:show", chat_id="kept-elsewhere", id="message", session_id="session"),
    _ask("inlet:show", id="message", session_id="session", ignore=("$.got.tools",), why=_TOOLS),
    _ask_demo("inlet:change"),
    _ask_demo("inlet:raise"),
    _ask_demo("inlet:raise", stream=True),
    _ask_demo("inlet:none", stream=True),
    _ask_demo("inlet:stream"),
    _ask_demo("inlet:whole", stream=True),
    # Requests.
    *[_ask(f"request:{word}") for word in ("change", "raise", "none", "show")],
    _ask_demo("request:change"),
    _ask_demo("request:raise"),
    _ask_demo("request:none", stream=True),
    # Streams.
    *[
        _ask_demo(f"stream:{word}", stream=True)
        for word in ("nothing", "change", "drop", "raise", "new", "text", "body")
    ],
    _ask_demo("stream:change"),
    # Answers.
    # Clients of the API get answers as they were before their outlets; what these saw, the next request tells.
    *_ask_and_recall("outlet:nothing"),
    *_ask_and_recall("outlet:change"),
    *_ask_and_recall("outlet:raise"),
    *_ask_and_recall("outlet:none"),
    *_ask_and_recall("outlet:show"),
    *_ask_and_recall("outlet:nothing", stream=True),
    *_ask_and_recall("outlet:show", stream=True),
    *_ask_and_recall("stream:change", stream=True),
    *_ask_and_recall("outlet:raise", stream=True),
    *_ask_and_recall("inlet:change"),
    _ask("outlet:change"),
    _ask("inlet:recall"),
    # Order and choice.
    delete("ada", "/api/v1/functions/id/probe/delete"),
    _install_ordered("late", 5),
    _install_ordered("early", -1),
    _install_ordered("middle", 0),
    _install_ordered("also", 0),
    _install_ordered("chosen", 0, toggle=True),
    _ask("order"),
    _ask("order", filter_ids=["chosen"]),
    _ask("order", filter_ids=["chosen", "late", "nothing"]),
    # Left out: a text as `filter_ids`, which the reference searches for the ids of filters.
    _ask("order", filter_ids=None),
    post("ada", "/api/v1/functions/id/late/valves/update", {"priority": -7}),
    _ask("order"),
    post("ada", "/api/v1/functions/id/early/toggle/global", ignore=("$",), why="compared elsewhere"),
    post("ada", "/api/v1/functions/id/middle/toggle", ignore=("$",), why="compared elsewhere"),
    _ask("order"),
    # A filter that is not global runs for the models that name it.
    post(
        "ada",
        "/api/v1/models/create",
        {
            "id": "named",
            "base_model_id": "mirror",
            "name": "Named",
            "meta": {"filterIds": ["early", "middle", "nothing"]},
            "params": {},
            "access_grants": _ANYBODY,
        },
    ),
    get("ada", "/api/models", query={"refresh": True}),
    _ask("order", "named"),
)
