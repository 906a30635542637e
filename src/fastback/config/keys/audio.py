"""Keys of speech."""

from fastback.config import variable_parsing
from fastback.config.derived_defaults import OFFICIAL_KEY
from fastback.config.key import define_key

AUDIO_STT_WHISPER_MODEL = define_key("audio.stt.whisper_model", ("WHISPER_MODEL",), "base")
AUDIO_STT_DEEPGRAM_API_KEY = define_key("audio.stt.deepgram.api_key", ("DEEPGRAM_API_KEY",), "")
AUDIO_STT_OPENAI_API_BASE_URL = define_key(
    "audio.stt.openai.api_base_url",
    ("AUDIO_STT_OPENAI_API_BASE_URL",),
    "https://api.openai.com/v1",
)
AUDIO_STT_OPENAI_API_KEY = define_key("audio.stt.openai.api_key", ("AUDIO_STT_OPENAI_API_KEY",), OFFICIAL_KEY)
AUDIO_STT_OPENAI_API_REQUEST_FORMAT = define_key(
    "audio.stt.openai.api_request_format", ("AUDIO_STT_OPENAI_API_REQUEST_FORMAT",), "multipart"
)
AUDIO_STT_ENGINE = define_key("audio.stt.engine", ("AUDIO_STT_ENGINE", "STT_ENGINE"), "")
AUDIO_STT_MODEL = define_key("audio.stt.model", ("AUDIO_STT_MODEL",), "")
AUDIO_STT_SUPPORTED_CONTENT_TYPES = define_key(
    "audio.stt.supported_content_types", ("AUDIO_STT_SUPPORTED_CONTENT_TYPES",), [], variable_parsing.COMMA_SEPARATED
)
AUDIO_STT_ALLOWED_EXTENSIONS = define_key(
    "audio.stt.allowed_extensions",
    ("AUDIO_STT_ALLOWED_EXTENSIONS",),
    ["mp3", "wav", "m4a", "webm", "ogg", "flac", "mp4", "mpga", "mpeg"],
    variable_parsing.COMMA_SEPARATED,
)
AUDIO_STT_AZURE_API_KEY = define_key("audio.stt.azure.api_key", ("AUDIO_STT_AZURE_API_KEY",), "")
AUDIO_STT_AZURE_REGION = define_key("audio.stt.azure.region", ("AUDIO_STT_AZURE_REGION",), "")
AUDIO_STT_AZURE_LOCALES = define_key("audio.stt.azure.locales", ("AUDIO_STT_AZURE_LOCALES",), "")
AUDIO_STT_AZURE_BASE_URL = define_key("audio.stt.azure.base_url", ("AUDIO_STT_AZURE_BASE_URL",), "")
AUDIO_STT_AZURE_MAX_SPEAKERS = define_key("audio.stt.azure.max_speakers", ("AUDIO_STT_AZURE_MAX_SPEAKERS",), "")
AUDIO_STT_MISTRAL_API_KEY = define_key("audio.stt.mistral.api_key", ("AUDIO_STT_MISTRAL_API_KEY",), "")
AUDIO_STT_MISTRAL_API_BASE_URL = define_key(
    "audio.stt.mistral.api_base_url", ("AUDIO_STT_MISTRAL_API_BASE_URL",), "https://api.mistral.ai/v1"
)
AUDIO_STT_MISTRAL_USE_CHAT_COMPLETIONS = define_key(
    "audio.stt.mistral.use_chat_completions", ("AUDIO_STT_MISTRAL_USE_CHAT_COMPLETIONS",), False
)
AUDIO_TTS_OPENAI_API_BASE_URL = define_key(
    "audio.tts.openai.api_base_url",
    ("AUDIO_TTS_OPENAI_API_BASE_URL",),
    "https://api.openai.com/v1",
)
AUDIO_TTS_OPENAI_API_KEY = define_key("audio.tts.openai.api_key", ("AUDIO_TTS_OPENAI_API_KEY",), OFFICIAL_KEY)
AUDIO_TTS_OPENAI_PARAMS = define_key("audio.tts.openai.params", ("AUDIO_TTS_OPENAI_PARAMS",), {})
AUDIO_TTS_API_KEY = define_key("audio.tts.api_key", ("AUDIO_TTS_API_KEY",), "")
AUDIO_REALTIME_ENABLED = define_key("audio.realtime.enabled", ("AUDIO_REALTIME_ENABLED",), False)
AUDIO_REALTIME_PROVIDER = define_key("audio.realtime.provider", ("AUDIO_REALTIME_PROVIDER",), "openai")
AUDIO_REALTIME_AUTH_TYPE = define_key("audio.realtime.auth_type", ("AUDIO_REALTIME_AUTH_TYPE",), "api_key")
AUDIO_REALTIME_OPENAI_API_BASE_URL = define_key(
    "audio.realtime.openai.api_base_url", ("AUDIO_REALTIME_OPENAI_API_BASE_URL",), "https://api.openai.com/v1"
)
AUDIO_REALTIME_OPENAI_API_KEY = define_key("audio.realtime.openai.api_key", ("AUDIO_REALTIME_OPENAI_API_KEY",), "")
AUDIO_REALTIME_MODEL = define_key("audio.realtime.model", ("AUDIO_REALTIME_MODEL",), "gpt-realtime-2.1-mini")
AUDIO_REALTIME_VOICE = define_key("audio.realtime.voice", ("AUDIO_REALTIME_VOICE",), "marin")
AUDIO_REALTIME_TRANSCRIPTION_MODEL = define_key(
    "audio.realtime.transcription_model", ("AUDIO_REALTIME_TRANSCRIPTION_MODEL",), "gpt-transcribe"
)
AUDIO_REALTIME_INPUT_PARAMS = define_key(
    "audio.realtime.input_params", ("AUDIO_REALTIME_INPUT_PARAMS",), None, variable_parsing.JSON_OBJECT
)
AUDIO_REALTIME_PROMPT_TEMPLATE = define_key(
    "audio.realtime.prompt_template", ("REALTIME_CALL_PROMPT_TEMPLATE",), None, variable_parsing.TEXT
)
AUDIO_TTS_ENGINE = define_key("audio.tts.engine", ("AUDIO_TTS_ENGINE", "TTS_ENGINE"), "")
AUDIO_TTS_MODEL = define_key("audio.tts.model", ("AUDIO_TTS_MODEL",), "tts-1")
AUDIO_TTS_VOICE = define_key("audio.tts.voice", ("AUDIO_TTS_VOICE",), "alloy")
AUDIO_TTS_REALTIME_PROMPT_TEMPLATE = define_key(
    "audio.tts.realtime.prompt_template", ("REALTIME_TTS_PROMPT_TEMPLATE",), None, variable_parsing.TEXT
)
AUDIO_TTS_SPLIT_ON = define_key("audio.tts.split_on", ("AUDIO_TTS_SPLIT_ON",), "punctuation")
AUDIO_TTS_AZURE_SPEECH_REGION = define_key("audio.tts.azure.speech_region", ("AUDIO_TTS_AZURE_SPEECH_REGION",), "")
AUDIO_TTS_AZURE_SPEECH_BASE_URL = define_key(
    "audio.tts.azure.speech_base_url", ("AUDIO_TTS_AZURE_SPEECH_BASE_URL",), ""
)
AUDIO_TTS_AZURE_SPEECH_OUTPUT_FORMAT = define_key(
    "audio.tts.azure.speech_output_format",
    ("AUDIO_TTS_AZURE_SPEECH_OUTPUT_FORMAT",),
    "audio-24khz-160kbitrate-mono-mp3",
)
AUDIO_TTS_MISTRAL_API_KEY = define_key("audio.tts.mistral.api_key", ("AUDIO_TTS_MISTRAL_API_KEY",), "")
AUDIO_TTS_MISTRAL_API_BASE_URL = define_key(
    "audio.tts.mistral.api_base_url", ("AUDIO_TTS_MISTRAL_API_BASE_URL",), "https://api.mistral.ai/v1"
)
