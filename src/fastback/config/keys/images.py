"""Keys of images."""

from fastback.config.derived_defaults import OFFICIAL_KEY
from fastback.config.key import define_key

#: A workflow from prompt to image, in the API format of ComfyUI: nodes by id; a link is `[node id, output number]`.
COMFYUI_WORKFLOW = """{
  "checkpoint": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "model.safetensors"}},
  "size": {"class_type": "EmptyLatentImage", "inputs": {"width": 512, "height": 512, "batch_size": 1}},
  "prompt": {"class_type": "CLIPTextEncode", "inputs": {"text": "", "clip": ["checkpoint", 1]}},
  "negative": {"class_type": "CLIPTextEncode", "inputs": {"text": "", "clip": ["checkpoint", 1]}},
  "sampler": {
    "class_type": "KSampler",
    "inputs": {
      "model": ["checkpoint", 0], "positive": ["prompt", 0], "negative": ["negative", 0], "latent_image": ["size", 0],
      "seed": 0, "steps": 20, "cfg": 8, "sampler_name": "euler", "scheduler": "normal", "denoise": 1
    }
  },
  "decode": {"class_type": "VAEDecode", "inputs": {"samples": ["sampler", 0], "vae": ["checkpoint", 2]}},
  "save": {"class_type": "SaveImage", "inputs": {"images": ["decode", 0], "filename_prefix": "ComfyUI"}}
}"""

IMAGE_GENERATION_ENABLE = define_key("image_generation.enable", ("ENABLE_IMAGE_GENERATION",), False)
IMAGE_GENERATION_ENGINE = define_key("image_generation.engine", ("IMAGE_GENERATION_ENGINE",), "openai")
IMAGE_GENERATION_MODEL = define_key("image_generation.model", ("IMAGE_GENERATION_MODEL",), "")
IMAGE_GENERATION_SIZE = define_key("image_generation.size", ("IMAGE_SIZE",), "512x512")
IMAGE_GENERATION_STEPS = define_key("image_generation.steps", ("IMAGE_STEPS",), 50)
IMAGE_GENERATION_PROMPT_ENABLE = define_key("image_generation.prompt.enable", ("ENABLE_IMAGE_PROMPT_GENERATION",), True)
IMAGE_GENERATION_AUTOMATIC1111_BASE_URL = define_key(
    "image_generation.automatic1111.base_url", ("AUTOMATIC1111_BASE_URL",), ""
)
IMAGE_GENERATION_AUTOMATIC1111_API_AUTH = define_key(
    "image_generation.automatic1111.api_auth", ("AUTOMATIC1111_API_AUTH",), ""
)
IMAGE_GENERATION_AUTOMATIC1111_API_PARAMS = define_key(
    "image_generation.automatic1111.api_params", ("AUTOMATIC1111_PARAMS",), {}
)
IMAGE_GENERATION_COMFYUI_BASE_URL = define_key("image_generation.comfyui.base_url", ("COMFYUI_BASE_URL",), "")
IMAGE_GENERATION_COMFYUI_API_KEY = define_key("image_generation.comfyui.api_key", ("COMFYUI_API_KEY",), "")
IMAGE_GENERATION_COMFYUI_WORKFLOW = define_key(
    "image_generation.comfyui.workflow", ("COMFYUI_WORKFLOW",), COMFYUI_WORKFLOW
)
IMAGE_GENERATION_COMFYUI_NODES = define_key("image_generation.comfyui.nodes", ("COMFYUI_WORKFLOW_NODES",), [])
IMAGE_GENERATION_OPENAI_API_BASE_URL = define_key(
    "image_generation.openai.api_base_url",
    ("IMAGES_OPENAI_API_BASE_URL",),
    "https://api.openai.com/v1",
)
IMAGE_GENERATION_OPENAI_API_VERSION = define_key(
    "image_generation.openai.api_version", ("IMAGES_OPENAI_API_VERSION",), ""
)
IMAGE_GENERATION_OPENAI_API_KEY = define_key(
    "image_generation.openai.api_key", ("IMAGES_OPENAI_API_KEY",), OFFICIAL_KEY
)
IMAGE_GENERATION_OPENAI_PARAMS = define_key("image_generation.openai.params", ("IMAGES_OPENAI_PARAMS",), {})
IMAGE_GENERATION_GEMINI_API_BASE_URL = define_key(
    "image_generation.gemini.api_base_url", ("IMAGES_GEMINI_API_BASE_URL", "GEMINI_API_BASE_URL"), ""
)
IMAGE_GENERATION_GEMINI_API_KEY = define_key(
    "image_generation.gemini.api_key", ("IMAGES_GEMINI_API_KEY", "GEMINI_API_KEY"), ""
)
IMAGE_GENERATION_GEMINI_ENDPOINT_METHOD = define_key(
    "image_generation.gemini.endpoint_method", ("IMAGES_GEMINI_ENDPOINT_METHOD",), ""
)
IMAGES_EDIT_ENABLE = define_key("images.edit.enable", ("ENABLE_IMAGE_EDIT",), False)
IMAGES_EDIT_ENGINE = define_key("images.edit.engine", ("IMAGE_EDIT_ENGINE",), "openai")
IMAGES_EDIT_MODEL = define_key("images.edit.model", ("IMAGE_EDIT_MODEL",), "")
IMAGES_EDIT_SIZE = define_key("images.edit.size", ("IMAGE_EDIT_SIZE",), "")
IMAGES_EDIT_OPENAI_API_BASE_URL = define_key(
    "images.edit.openai.api_base_url",
    ("IMAGES_EDIT_OPENAI_API_BASE_URL",),
    "https://api.openai.com/v1",
)
IMAGES_EDIT_OPENAI_API_VERSION = define_key("images.edit.openai.api_version", ("IMAGES_EDIT_OPENAI_API_VERSION",), "")
IMAGES_EDIT_OPENAI_API_KEY = define_key("images.edit.openai.api_key", ("IMAGES_EDIT_OPENAI_API_KEY",), OFFICIAL_KEY)
IMAGES_EDIT_GEMINI_API_BASE_URL = define_key(
    "images.edit.gemini.api_base_url", ("IMAGES_EDIT_GEMINI_API_BASE_URL", "GEMINI_API_BASE_URL"), ""
)
IMAGES_EDIT_GEMINI_API_KEY = define_key(
    "images.edit.gemini.api_key", ("IMAGES_EDIT_GEMINI_API_KEY", "GEMINI_API_KEY"), ""
)
IMAGES_EDIT_COMFYUI_BASE_URL = define_key("images.edit.comfyui.base_url", ("IMAGES_EDIT_COMFYUI_BASE_URL",), "")
IMAGES_EDIT_COMFYUI_API_KEY = define_key("images.edit.comfyui.api_key", ("IMAGES_EDIT_COMFYUI_API_KEY",), "")
IMAGES_EDIT_COMFYUI_WORKFLOW = define_key("images.edit.comfyui.workflow", ("IMAGES_EDIT_COMFYUI_WORKFLOW",), "")
IMAGES_EDIT_COMFYUI_NODES = define_key("images.edit.comfyui.nodes", ("IMAGES_EDIT_COMFYUI_WORKFLOW_NODES",), [])
