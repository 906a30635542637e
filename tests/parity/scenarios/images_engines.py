"""Images of every engine: generated, edited, refused, and stored as files."""

import json

from comfyui_engine import EDIT_NODES, EDIT_WORKFLOW, NODES, WORKFLOW
from image_engines import encode, make_png
from parity.steps import Merged, flatten_steps, get, post, refused_steps

ENGINES = True
_I = "/api/v1/images"
_GENERATE, _EDIT = f"{_I}/generations", f"{_I}/edit"
_DEFAULT = "/api/v1/users/default/permissions"
_FOX = {"prompt": "A red fox"}
_BLUE = {"prompt": "Bluer", "image": f"data:image/png;base64,{encode(make_png())}"}
_SETTINGS = {"ignore": ("$",), "why": "compared elsewhere"}
_SHUFFLED = {
    "ignore": ("$.meta.data.order", "$.meta.data.workflow.nodes[*].order"),
    "why": "the order of what a file keeps of its workflow",
}
_REASON = {"ignore": ("$.detail",), "why": "ours says what is wrong"}


def _update_settings(**fields):
    return post("ada", f"{_I}/config/update", Merged("${page}", fields), **_SETTINGS)


def _make_image(who: str, body: dict, path: str = _GENERATE, **more):
    """Make an image, and read its file."""
    return flatten_steps(
        post(who, path, body, save={"image": "$[0].id", "url": "$[0].url"}),
        get(who, "${url}"),
        get(who, "/api/v1/files/${image}", **more),
        get("cy", "${url}"),
    )


_OPENAI = {
    "ENABLE_IMAGE_GENERATION": True,
    "ENABLE_IMAGE_EDIT": True,
    "IMAGES_OPENAI_API_BASE_URL": "${engines.openai}/v1",
    "IMAGES_OPENAI_API_KEY": "image-key",
    "IMAGES_EDIT_OPENAI_API_BASE_URL": "${engines.openai}/v1",
    "IMAGES_EDIT_OPENAI_API_KEY": "image-key",
    "IMAGE_EDIT_MODEL": "dall-e-2",
}
_GEMINI = {
    **_OPENAI,
    "IMAGE_GENERATION_ENGINE": "gemini",
    "IMAGES_GEMINI_API_BASE_URL": "${engines.gemini}/v1beta",
    "IMAGES_GEMINI_API_KEY": "google-key",
    "IMAGE_EDIT_ENGINE": "gemini",
    "IMAGE_EDIT_MODEL": "gemini-2.5-flash-image",
    "IMAGES_EDIT_GEMINI_API_BASE_URL": "${engines.gemini}/v1beta",
    "IMAGES_EDIT_GEMINI_API_KEY": "google-key",
}
_AUTOMATIC1111 = {
    **_OPENAI,
    "IMAGE_GENERATION_ENGINE": "automatic1111",
    "AUTOMATIC1111_BASE_URL": "${engines.automatic1111}",
    "AUTOMATIC1111_API_AUTH": "user:secret",
    "AUTOMATIC1111_PARAMS": {"cfg_scale": 5},
}
_COMFYUI = {
    **_OPENAI,
    "IMAGE_GENERATION_ENGINE": "comfyui",
    "COMFYUI_BASE_URL": "${engines.comfyui}",
    "COMFYUI_API_KEY": "comfy-key",
    "COMFYUI_WORKFLOW": json.dumps(WORKFLOW),
    "COMFYUI_WORKFLOW_NODES": NODES,
    "IMAGE_GENERATION_MODEL": "flux.safetensors",
    "IMAGE_EDIT_ENGINE": "comfyui",
    "IMAGES_EDIT_COMFYUI_BASE_URL": "${engines.comfyui}",
    "IMAGES_EDIT_COMFYUI_API_KEY": "comfy-key",
    "IMAGES_EDIT_COMFYUI_WORKFLOW": json.dumps(EDIT_WORKFLOW),
    "IMAGES_EDIT_COMFYUI_WORKFLOW_NODES": EDIT_NODES,
}
_NEGATIVE = {**_FOX, "negative_prompt": "fog"}

STEPS = flatten_steps(
    get("ada", f"{_I}/config", save={"page": "$"}, **_SETTINGS),
    refused_steps("anonymous pending bob ada", "POST", _GENERATE, _FOX),
    refused_steps("anonymous pending bob ada", "POST", _EDIT, _BLUE),
    _update_settings(**_OPENAI),
    post("bob", _GENERATE, {}),
    post("bob", _GENERATE, {"prompt": 1, "n": "many", "steps": "x"}),
    post("bob", _EDIT, {}),
    post("bob", _EDIT, {"prompt": "x", "image": 5}),
    _make_image("bob", _FOX),
    _make_image(
        "bob", {**_FOX, "n": 2, "size": "1024x1024", "model": "dall-e-3", "steps": 3, "negative_prompt": "fog"}
    ),
    post("bob", _GENERATE, {**_FOX, "size": "13x13"}),
    post("bob", _GENERATE, {**_FOX, "n": 11}),
    post("bob", _GENERATE, {"prompt": ""}),
    _make_image("bob", _BLUE, _EDIT),
    _make_image("bob", {**_BLUE, "image": [_BLUE["image"]], "n": 2, "size": "512x512", "background": "opaque"}, _EDIT),
    _make_image("bob", {**_BLUE, "image": "${image}"}, _EDIT),
    _make_image("bob", {**_BLUE, "image": ["${url}", "${server}${url}"]}, _EDIT),
    refused_steps("cy", "POST", _EDIT, {**_BLUE, "image": "${image}"}),
    refused_steps("cy", "POST", _EDIT, {**_BLUE, "image": ["${url}"]}),
    post("bob", _EDIT, {**_BLUE, "image": "nothing"}),
    post("bob", _EDIT, {**_BLUE, "image": "http://127.0.0.1:9/x.png"}),
    post("bob", _EDIT, {**_BLUE, "image": "${server}/api/v1/files/nothing/content"}),
    get("ada", _DEFAULT, save={"permissions": "$", "features": "$.features"}, **_SETTINGS),
    post(
        "ada",
        _DEFAULT,
        Merged("${permissions}", {"features": Merged("${features}", {"image_generation": False})}),
        **_SETTINGS,
    ),
    refused_steps("bob", "POST", _GENERATE, _FOX),
    refused_steps("bob", "POST", _EDIT, _BLUE),
    _make_image("ada", _FOX),
    post("ada", _DEFAULT, "${permissions}", **_SETTINGS),
    _update_settings(**_OPENAI, IMAGE_GENERATION_MODEL="gpt-image-1", IMAGE_SIZE="auto"),
    _make_image("bob", _FOX),
    _update_settings(**{**_OPENAI, "IMAGES_OPENAI_API_KEY": "wrong", "IMAGES_EDIT_OPENAI_API_KEY": "wrong"}),
    post("bob", _GENERATE, _FOX),
    post("bob", _EDIT, _BLUE),
    _update_settings(**{**_OPENAI, "IMAGES_OPENAI_API_BASE_URL": "http://127.0.0.1:9/v1"}),
    post("bob", _GENERATE, _FOX, **_REASON),
    _update_settings(**_GEMINI),
    _make_image("bob", _FOX, ignore=("$.meta.data.instances",), why="a list, as Google describes it"),
    _make_image("bob", _BLUE, _EDIT, ignore=("$.meta.data.contents",), why="without the image that was sent"),
    _update_settings(**_GEMINI, IMAGES_GEMINI_ENDPOINT_METHOD="generateContent", IMAGE_GENERATION_MODEL="gemini-2.5"),
    _make_image("bob", _FOX),
    _update_settings(**_AUTOMATIC1111),
    _make_image("bob", {**_NEGATIVE, "n": 2, "size": "640x480", "model": "second [2]"}),
    _make_image("ada", {**_FOX, "model": "second [2]", "steps": 3}),
    _update_settings(**{**_AUTOMATIC1111, "AUTOMATIC1111_BASE_URL": "http://127.0.0.1:9"}),
    post("bob", _GENERATE, _FOX),
    _update_settings(**_COMFYUI),
    _make_image("bob", {**_NEGATIVE, "n": 2, "size": "640x480"}, **_SHUFFLED),
    _make_image("bob", _BLUE, _EDIT, **_SHUFFLED),
    _update_settings(**{**_COMFYUI, "COMFYUI_API_KEY": "wrong", "IMAGES_EDIT_COMFYUI_API_KEY": "wrong"}),
    post("bob", _GENERATE, _FOX, **_REASON),
    post("bob", _EDIT, _BLUE, **_REASON),
)
