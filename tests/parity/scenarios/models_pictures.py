"""Pictures of models: stored with the model, at another address, among the static files, or missing."""

from parity.steps import flatten_steps, get, post, refused_steps

_MODELS = "/api/v1/models"
_PICTURE = f"{_MODELS}/model/profile/image"
_PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="
_EVERYBODY = {"principal_type": "user", "principal_id": "*", "permission": "read"}
_PICTURES = (
    "",
    "/static/favicon.png",
    "/static/../api/config",
    "/static/%2e%2e/api/config",
    "/static/user.png?x=1#y",
    "/static",
    "/user.png",
    "/favicon.png",
    "https://example.com/a.png",
    "http://example.com/a.png",
    "javascript:alert(1)",
    f"data:image/png;base64,{_PNG}",
    f"data:image/svg+xml;base64,{_PNG}",
    "data:image/png;base64,%%%",
    "data:text/html;base64,PGI+",
)


def _make_model(number: int, picture: str) -> dict[str, object]:
    return {
        "id": f"face-{number:02}",
        "base_model_id": "demo-small",
        "name": f"Face {number}",
        "meta": {"profile_image_url": picture},
        "params": {},
        "access_grants": [_EVERYBODY],
    }


STEPS = flatten_steps(
    [post("ada", f"{_MODELS}/create", _make_model(number, picture)) for number, picture in enumerate(_PICTURES)],
    [get("bob", _PICTURE, query={"id": f"face-{number:02}"}) for number, _ in enumerate(_PICTURES)],
    post("ada", f"{_MODELS}/create", {**_make_model(99, f"data:image/png;base64,{_PNG}"), "access_grants": []}),
    get("ada", _PICTURE, query={"id": "face-99"}),
    get("bob", _PICTURE, query={"id": "face-99"}),
    get("bob", _PICTURE, query={"id": "demo-small"}),
    get("bob", _PICTURE),
    refused_steps("anonymous pending", "GET", _PICTURE, query={"id": "face-11"}),
    get("bob", _PICTURE, query={"id": "face-11"}, cookie=True),
    get("ada", f"{_MODELS}/list", query={"query": "Face 11"}),
    get("bob", "/api/models"),
    post("ada", f"{_MODELS}/create", {**_make_model(100, ""), "meta": {"profile_image_url": 5}}),
)
