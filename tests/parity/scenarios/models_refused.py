"""Invalid workspace models: each is refused with all of its errors."""

from parity.steps import flatten_steps, get, post

_CREATE = "/api/v1/models/create"
_FILE = "0a1b2c3d-0000-4000-8000-00000000000"


def _make_model(meta: object = None, params: object = None, **more: object) -> dict[str, object]:
    return {
        "id": "odd",
        "base_model_id": "demo-small",
        "name": "Odd",
        "meta": meta or {},
        "params": params or {},
        **more,
    }


def _make_controls(**control: object) -> dict[str, object]:
    return {"model_controls": {"mode": {"label": "M", "options": {"a": {"label": "A", "params": {}}}, **control}}}


_GESTURE = {"file_id": f"{_FILE}1", "name": "wave", "description": "Waves"}
_METAS = (
    {"profile_image_url": 5, "description": 5},
    {"background_image_url": "https://example.com/x.png"},
    {"background_image_url": 5},
    {"background_image_url": f"/api/v1/files/{_FILE}1/content"},
    {"description": {}, "i18n": [], "capabilities": "all", "knowledge": "all"},
    {"knowledge": {"a": 1}, "tags": "x"},
    {"voice": "x"},
    {"voice": {"voice": ""}},
    {"voice": {"voice": "two words"}},
    {"voice": {"voice": "x" * 201}},
    {"voice": {"voice": 5, "more": 1}},
    {"voice_avatar": "x"},
    {"voice_avatar": {}},
    {"voice_avatar": {"file_id": "no"}},
    {"voice_avatar": {"file_id": f"{_FILE}1", "other": 1, "preset": "x"}},
    {"voice_avatar": {"file_id": f"{_FILE}1", "states": {"flying": {"file_id": f"{_FILE}1"}, "idle": {}}}},
    {"voice_avatar": {"file_id": f"{_FILE}1", "gestures": [{"name": "Bad Name", "description": "", "file_id": "x"}]}},
    {"voice_avatar": {"file_id": f"{_FILE}1", "gestures": [_GESTURE, _GESTURE]}},
    {"voice_avatar": {"file_id": f"{_FILE}1", "gestures": [{**_GESTURE, "description": "  "}]}},
    {"voice_avatar": {"file_id": f"{_FILE}1", "gestures": {}}},
)
_PARAMS = (
    {"model_controls": None},
    {"model_controls": "x"},
    {"model_controls": {"mode": {}}},
    {"model_controls": {"mode": "x"}},
    {"model_controls": {"1": {"label": "M", "options": {"a": {"label": "A", "params": {}}}}}},
    {"model_controls": {"constructor": {"label": " ", "options": {"a b": {"label": "", "params": []}}}}},
    _make_controls(options={}),
    _make_controls(display="wheel"),
    _make_controls(display="slider"),
    _make_controls(default="b"),
    _make_controls(default=5, description=[]),
)

STEPS = flatten_steps(
    [post("ada", _CREATE, _make_model(meta)) for meta in _METAS],
    [post("ada", _CREATE, _make_model(None, params)) for params in _PARAMS],
    post("ada", _CREATE, _make_model("x")),
    post("ada", _CREATE, {**_make_model(), "meta": [], "params": 5}),
    post("ada", _CREATE, _make_model({"knowledge": "all"}, {"model_controls": "x"})),
    post("ada", _CREATE, _make_model(id="two words", name=None, is_active="perhaps", access_grants={})),
    post("ada", _CREATE, _make_model(id="", base_model_id=5, commit_message=[])),
    # Errors in the model are reported before a missing permission.
    post("bob", _CREATE, _make_model({"knowledge": "all"})),
    post("bob", _CREATE, _make_model(id="two words")),
    post("ada", "/api/v1/models/model/update", _make_model({"knowledge": "all"})),
    post("ada", "/api/v1/models/model/access/update", {"id": "two words", "access_grants": []}),
    post("ada", "/api/v1/models/model/access/update", {"id": "odd", "access_grants": [5]}),
    post("ada", "/api/v1/models/model/delete", {"id": "two words"}),
    post("ada", "/api/v1/models/sync", {"models": [{**_make_model({"knowledge": "all"}), "user_id": 5}]}),
    post("ada", "/api/v1/models/import", {"models": [5]}),
    get("ada", "/api/v1/models/all"),
)
