"""Small tasks around a chat: titles, tags, queries: keys, variables, defaults."""

from fastback.config.key import Key

KEYS = [
    Key("task.model.default", ("TASK_MODEL",), ""),
    Key("task.model.external", ("TASK_MODEL_EXTERNAL",), ""),
    Key("task.model.params", ("TASK_MODEL_PARAMS",), {}),
    Key("task.title.prompt_template", ("TITLE_GENERATION_PROMPT_TEMPLATE",), ""),
    Key("task.tags.prompt_template", ("TAGS_GENERATION_PROMPT_TEMPLATE",), ""),
    Key("task.image.prompt_template", ("IMAGE_PROMPT_GENERATION_PROMPT_TEMPLATE",), ""),
    Key("task.follow_up.prompt_template", ("FOLLOW_UP_GENERATION_PROMPT_TEMPLATE",), ""),
    Key("task.follow_up.enable", ("ENABLE_FOLLOW_UP_GENERATION",), True),
    Key("task.tags.enable", ("ENABLE_TAGS_GENERATION",), True),
    Key("task.title.enable", ("ENABLE_TITLE_GENERATION",), True),
    Key("task.query.search.enable", ("ENABLE_SEARCH_QUERY_GENERATION",), True),
    Key("task.query.retrieval.enable", ("ENABLE_RETRIEVAL_QUERY_GENERATION",), True),
    Key("task.query.prompt_template", ("QUERY_GENERATION_PROMPT_TEMPLATE",), ""),
    Key("task.autocomplete.enable", ("ENABLE_AUTOCOMPLETE_GENERATION",), False),
    Key("task.autocomplete.input_max_length", ("AUTOCOMPLETE_GENERATION_INPUT_MAX_LENGTH",), -1),
    Key("task.autocomplete.prompt_template", ("AUTOCOMPLETE_GENERATION_PROMPT_TEMPLATE",), ""),
    Key("task.voice.prompt_template", ("VOICE_MODE_PROMPT_TEMPLATE",), ""),
    Key("task.voice.prompt.enable", ("ENABLE_VOICE_MODE_PROMPT",), True),
    Key("task.tools.prompt_template", ("TOOLS_FUNCTION_CALLING_PROMPT_TEMPLATE",), ""),
]
