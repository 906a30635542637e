"""Pictures: keys, variables, defaults."""

from fastback.config.derived_defaults import OFFICIAL_KEY
from fastback.config.key import Key

#: A picture from a prompt, in the API format of ComfyUI: nodes by id, a link is `[id of a node, number of its output]`.
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

KEYS = [
    Key("image_generation.enable", ("ENABLE_IMAGE_GENERATION",), False),
    Key("image_generation.engine", ("IMAGE_GENERATION_ENGINE",), "openai"),
    Key("image_generation.model", ("IMAGE_GENERATION_MODEL",), ""),
    Key("image_generation.size", ("IMAGE_SIZE",), "512x512"),
    Key("image_generation.steps", ("IMAGE_STEPS",), 50),
    Key("image_generation.prompt.enable", ("ENABLE_IMAGE_PROMPT_GENERATION",), True),
    Key("image_generation.automatic1111.base_url", ("AUTOMATIC1111_BASE_URL",), ""),
    Key("image_generation.automatic1111.api_auth", ("AUTOMATIC1111_API_AUTH",), ""),
    Key("image_generation.automatic1111.api_params", ("AUTOMATIC1111_PARAMS",), {}),
    Key("image_generation.comfyui.base_url", ("COMFYUI_BASE_URL",), ""),
    Key("image_generation.comfyui.api_key", ("COMFYUI_API_KEY",), ""),
    Key("image_generation.comfyui.workflow", ("COMFYUI_WORKFLOW",), COMFYUI_WORKFLOW),
    Key("image_generation.comfyui.nodes", ("COMFYUI_WORKFLOW_NODES",), []),
    Key(
        "image_generation.openai.api_base_url",
        ("IMAGES_OPENAI_API_BASE_URL",),
        "https://api.openai.com/v1",
    ),
    Key("image_generation.openai.api_version", ("IMAGES_OPENAI_API_VERSION",), ""),
    Key("image_generation.openai.api_key", ("IMAGES_OPENAI_API_KEY",), OFFICIAL_KEY),
    Key("image_generation.openai.params", ("IMAGES_OPENAI_PARAMS",), {}),
    Key("image_generation.gemini.api_base_url", ("IMAGES_GEMINI_API_BASE_URL", "GEMINI_API_BASE_URL"), ""),
    Key("image_generation.gemini.api_key", ("IMAGES_GEMINI_API_KEY", "GEMINI_API_KEY"), ""),
    Key("image_generation.gemini.endpoint_method", ("IMAGES_GEMINI_ENDPOINT_METHOD",), ""),
    Key("images.edit.enable", ("ENABLE_IMAGE_EDIT",), False),
    Key("images.edit.engine", ("IMAGE_EDIT_ENGINE",), "openai"),
    Key("images.edit.model", ("IMAGE_EDIT_MODEL",), ""),
    Key("images.edit.size", ("IMAGE_EDIT_SIZE",), ""),
    Key(
        "images.edit.openai.api_base_url",
        ("IMAGES_EDIT_OPENAI_API_BASE_URL",),
        "https://api.openai.com/v1",
    ),
    Key("images.edit.openai.api_version", ("IMAGES_EDIT_OPENAI_API_VERSION",), ""),
    Key("images.edit.openai.api_key", ("IMAGES_EDIT_OPENAI_API_KEY",), OFFICIAL_KEY),
    Key("images.edit.gemini.api_base_url", ("IMAGES_EDIT_GEMINI_API_BASE_URL", "GEMINI_API_BASE_URL"), ""),
    Key("images.edit.gemini.api_key", ("IMAGES_EDIT_GEMINI_API_KEY", "GEMINI_API_KEY"), ""),
    Key("images.edit.comfyui.base_url", ("IMAGES_EDIT_COMFYUI_BASE_URL",), ""),
    Key("images.edit.comfyui.api_key", ("IMAGES_EDIT_COMFYUI_API_KEY",), ""),
    Key("images.edit.comfyui.workflow", ("IMAGES_EDIT_COMFYUI_WORKFLOW",), ""),
    Key("images.edit.comfyui.nodes", ("IMAGES_EDIT_COMFYUI_WORKFLOW_NODES",), []),
]
