"""Set up the engines of speech."""

from __future__ import annotations

import aiohttp

from fastback.config import Config
from fastback.kit.services import Component, Services
from fastback.kit.tasks import Tasks
from fastback.media.speech import local_voice, realtime_speech
from fastback.media.speech.avatars import AvatarFiles
from fastback.media.speech.azure_recognition import transcribe_by_azure
from fastback.media.speech.azure_speech import open_azure_sound
from fastback.media.speech.deepgram_recognition import transcribe_by_deepgram
from fastback.media.speech.elevenlabs_speech import ElevenLabsEngine
from fastback.media.speech.engine_requests import EngineClient
from fastback.media.speech.mistral_recognition import transcribe_by_mistral
from fastback.media.speech.mistral_speech import open_mistral_sound
from fastback.media.speech.openai_recognition import transcribe_by_openai
from fastback.media.speech.openai_speech import open_openai_sound
from fastback.media.speech.rendering import RenderingCache
from fastback.media.speech.sound_tools import SoundTools
from fastback.media.speech.speech_engine import EngineContext
from fastback.media.speech.synthesis import SpeechSynthesis
from fastback.media.speech.transcription import LOCAL_ENGINE, Transcription
from fastback.media.speech.voice_catalog import SpeechCatalog
from fastback.media.speech.whisper import WhisperEngine
from fastback.settings import Settings


async def set_up(services: Services) -> None:
    """Add `EngineClient`, `SpeechCatalog`, `SpeechSynthesis`, `Transcription` and `AvatarFiles`."""
    client, config, settings = services.get(aiohttp.ClientSession), services.get(Config), services.get(Settings)
    context = EngineContext(EngineClient(client, settings), config, settings)
    tools, avatars = SoundTools(), AvatarFiles()
    services.add(EngineClient, context.client)
    services.add(AvatarFiles, avatars)
    services.get(Tasks).run_at_shutdown(avatars.close)
    services.add(SpeechCatalog, SpeechCatalog(client, config, settings))
    _add_synthesis(services, context, tools)
    _add_transcription(services, context, tools)


def _add_synthesis(services: Services, context: EngineContext, tools: SoundTools) -> None:
    cache = RenderingCache(context.settings.cache_path / "audio" / "speech")
    voice = local_voice.LocalVoice(offline=context.settings.offline_mode)
    services.add(
        SpeechSynthesis,
        SpeechSynthesis(
            context=context,
            tools=tools,
            cache=cache,
            engines={
                "openai": open_openai_sound,
                realtime_speech.NAME: realtime_speech.open_realtime_sound,
                "elevenlabs": ElevenLabsEngine(services.get(SpeechCatalog)).open_sound,
                "azure": open_azure_sound,
                "mistral": open_mistral_sound,
                local_voice.NAME: voice.open_sound,
            },
        ),
    )
    services.get(Tasks).run_at_shutdown(cache.close)
    services.get(Tasks).run_at_shutdown(voice.close)


def _add_transcription(services: Services, context: EngineContext, tools: SoundTools) -> None:
    whisper = WhisperEngine(context.settings)
    services.add(
        Transcription,
        Transcription(
            context=context,
            tools=tools,
            engines={
                LOCAL_ENGINE: whisper.transcribe,
                "openai": transcribe_by_openai,
                "deepgram": transcribe_by_deepgram,
                "azure": transcribe_by_azure,
                "mistral": transcribe_by_mistral,
            },
        ),
    )
    services.get(Tasks).run_at_shutdown(whisper.close)


COMPONENT = Component(name="speech", setup=set_up)
