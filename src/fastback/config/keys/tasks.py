"""Keys of title, tag and query generation."""

from fastback.config.key import define_key

TASK_MODEL_DEFAULT = define_key("task.model.default", ("TASK_MODEL",), "")
TASK_MODEL_EXTERNAL = define_key("task.model.external", ("TASK_MODEL_EXTERNAL",), "")
TASK_MODEL_PARAMS = define_key("task.model.params", ("TASK_MODEL_PARAMS",), {})
TASK_TITLE_PROMPT_TEMPLATE = define_key("task.title.prompt_template", ("TITLE_GENERATION_PROMPT_TEMPLATE",), "")
TASK_TAGS_PROMPT_TEMPLATE = define_key("task.tags.prompt_template", ("TAGS_GENERATION_PROMPT_TEMPLATE",), "")
TASK_IMAGE_PROMPT_TEMPLATE = define_key("task.image.prompt_template", ("IMAGE_PROMPT_GENERATION_PROMPT_TEMPLATE",), "")
TASK_FOLLOW_UP_PROMPT_TEMPLATE = define_key(
    "task.follow_up.prompt_template", ("FOLLOW_UP_GENERATION_PROMPT_TEMPLATE",), ""
)
TASK_FOLLOW_UP_ENABLE = define_key("task.follow_up.enable", ("ENABLE_FOLLOW_UP_GENERATION",), True)
TASK_TAGS_ENABLE = define_key("task.tags.enable", ("ENABLE_TAGS_GENERATION",), True)
TASK_TITLE_ENABLE = define_key("task.title.enable", ("ENABLE_TITLE_GENERATION",), True)
TASK_QUERY_SEARCH_ENABLE = define_key("task.query.search.enable", ("ENABLE_SEARCH_QUERY_GENERATION",), True)
TASK_QUERY_RETRIEVAL_ENABLE = define_key("task.query.retrieval.enable", ("ENABLE_RETRIEVAL_QUERY_GENERATION",), True)
TASK_QUERY_PROMPT_TEMPLATE = define_key("task.query.prompt_template", ("QUERY_GENERATION_PROMPT_TEMPLATE",), "")
TASK_AUTOCOMPLETE_ENABLE = define_key("task.autocomplete.enable", ("ENABLE_AUTOCOMPLETE_GENERATION",), False)
TASK_AUTOCOMPLETE_INPUT_MAX_LENGTH = define_key(
    "task.autocomplete.input_max_length", ("AUTOCOMPLETE_GENERATION_INPUT_MAX_LENGTH",), -1
)
TASK_AUTOCOMPLETE_PROMPT_TEMPLATE = define_key(
    "task.autocomplete.prompt_template", ("AUTOCOMPLETE_GENERATION_PROMPT_TEMPLATE",), ""
)
TASK_VOICE_PROMPT_TEMPLATE = define_key("task.voice.prompt_template", ("VOICE_MODE_PROMPT_TEMPLATE",), "")
TASK_VOICE_PROMPT_ENABLE = define_key("task.voice.prompt.enable", ("ENABLE_VOICE_MODE_PROMPT",), True)
TASK_TOOLS_PROMPT_TEMPLATE = define_key("task.tools.prompt_template", ("TOOLS_FUNCTION_CALLING_PROMPT_TEMPLATE",), "")
