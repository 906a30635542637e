"""Build what chat turns work with: the pipeline, its stages, the entrances. Each part has a `setup` of its own."""

from __future__ import annotations

from fastback.completions import background_run_store
from fastback.completions.automations.setup import add_automations
from fastback.completions.background_subagents import BackgroundSubagents
from fastback.completions.channels.answer_recovery import LeftOverChannelAnswers
from fastback.completions.channels.setup import add_channel_turns
from fastback.completions.doors import routes
from fastback.completions.doors.setup import add_answer_storage, add_chat_socket, add_page_turns
from fastback.completions.plugins.plugin_turns import PluginTurns
from fastback.completions.plugins.setup import add_plugin_completions, add_plugin_services, build_model_call
from fastback.completions.sources.setup import add_sources
from fastback.completions.stages.setup import add_image_inlining, build_stages
from fastback.completions.tasks.setup import add_generations
from fastback.completions.tools.plugin_tool_calls import PluginToolCalls
from fastback.completions.tools.setup import add_tool_services, build_tool_loop
from fastback.completions.turn_metrics import TurnMetrics
from fastback.completions.turn_pipeline import TurnPipeline
from fastback.completions.turn_slots import TurnSlots
from fastback.features.chats.messages.answer_recovery import LeftOverAnswers
from fastback.kit.metrics import Metrics
from fastback.kit.services import Component, Services
from fastback.kit.tasks import Tasks
from fastback.plugins.methods import HostMethods
from fastback.settings import Settings


async def set_up(services: Services) -> None:
    """Add the pipeline, what its entrances use, and recover answers that a killed process left unfinished."""
    settings = services.get(Settings)
    slots = TurnSlots(total=settings.fastback_max_turns, per_user=settings.fastback_max_turns_per_user)
    services.add(TurnSlots, slots)
    add_generations(services)
    add_answer_storage(services)
    add_plugin_services(services)
    add_image_inlining(services)
    add_sources(services)
    add_tool_services(services)
    pipeline = TurnPipeline(
        stages=build_stages(services),
        model_call=build_model_call(services),
        tool_loop=build_tool_loop(services),
        plugin_turns=services.get(PluginTurns),
        slots=slots,
        tasks=services.get(Tasks),
        observer=TurnMetrics(services.get(Metrics), slots) if services.has(Metrics) else None,
    )
    services.add(TurnPipeline, pipeline)
    add_plugin_completions(services)
    PluginToolCalls(turns=services.get(PluginTurns), methods=services.get(HostMethods))
    add_page_turns(services, pipeline)
    add_channel_turns(services, pipeline)
    add_chat_socket(services, pipeline)
    add_automations(services)
    await services.get(LeftOverAnswers).start_recovery()
    await services.get(LeftOverChannelAnswers).start_recovery()
    await services.get(BackgroundSubagents).start_recovery()


COMPONENT = Component(
    name="completions", routers=routes.routers, setup=set_up, tables=(background_run_store.CREATE_TABLE,)
)
