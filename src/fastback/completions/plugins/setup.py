"""Build what plugins take part in turns with."""

from __future__ import annotations

from fastback.completions.model_call import ModelCall
from fastback.completions.plugins.actions import Actions
from fastback.completions.plugins.completed_answers import CompletedAnswers
from fastback.completions.plugins.filter_chain import FilterChain
from fastback.completions.plugins.model_choice import ModelChoice
from fastback.completions.plugins.outlet_filters import OutletFilters
from fastback.completions.plugins.page_calls import PageCalls
from fastback.completions.plugins.pipe_calls import PipeCalls
from fastback.completions.plugins.plugin_completions import PluginCompletions
from fastback.completions.plugins.plugin_events import PluginEvents
from fastback.completions.plugins.plugin_turns import PluginTurns
from fastback.completions.turn_pipeline import TurnPipeline
from fastback.features.chats.messages.running_answers import RunningAnswers
from fastback.features.functions.catalogue import FunctionCatalogue
from fastback.features.plugins.valves import ValveStore
from fastback.kit.bus import Bus
from fastback.kit.db import Database
from fastback.kit.services import Services
from fastback.kit.tasks import Tasks
from fastback.plugins.host import PluginHost
from fastback.plugins.methods import HostMethods
from fastback.providers.client import ModelClient
from fastback.providers.large_completions import CompletionParser
from fastback.providers.model_resolution import ModelResolver
from fastback.providers.oauth_tokens import OAuthTokens
from fastback.providers.registry import ModelRegistry
from fastback.settings import Settings


def add_plugin_services(services: Services) -> None:
    """Add what turns, actions and the sockets share."""
    db, bus = services.get(Database), services.get(Bus)
    host, page_calls = services.get(PluginHost), PageCalls()
    events = PluginEvents(db=db, bus=bus, tasks=services.get(Tasks))
    catalogue = services.get(FunctionCatalogue)
    services.add(PluginEvents, events)
    turns = PluginTurns(
        db=db,
        host=host,
        methods=services.get(HostMethods),
        valves=services.get(ValveStore),
        events=events,
        page_calls=page_calls,
        tokens=services.get(OAuthTokens),
    )
    chain = FilterChain(catalogue=catalogue, host=host, turns=turns)
    outlet_filters = OutletFilters(chain=chain, db=db, bus=bus, running_answers=services.get(RunningAnswers))
    services.add(PageCalls, page_calls)
    services.add(PluginTurns, turns)
    services.add(Actions, Actions(catalogue=catalogue, host=host, turns=turns, events=events))
    services.add(CompletedAnswers, CompletedAnswers(catalogue=catalogue, host=host, turns=turns))
    services.add(FilterChain, chain)
    services.add(ModelChoice, ModelChoice(registry=services.get(ModelRegistry), resolver=services.get(ModelResolver)))
    services.add(OutletFilters, outlet_filters)
    pipe_calls = PipeCalls(
        catalogue=catalogue,
        host=host,
        turns=turns,
        parser=services.get(CompletionParser),
        settings=services.get(Settings),
    )
    services.get(ModelClient).connect_source(pipe_calls)


def add_plugin_completions(services: Services) -> None:
    """Let plugins ask models, once there is a pipeline."""
    PluginCompletions(
        db=services.get(Database),
        pipeline=services.get(TurnPipeline),
        registry=services.get(ModelRegistry),
        turns=services.get(PluginTurns),
        methods=services.get(HostMethods),
    )


def build_model_call(services: Services) -> ModelCall:
    return ModelCall(
        client=services.get(ModelClient),
        chain=services.get(FilterChain),
        model_choice=services.get(ModelChoice),
        outlet_filters=services.get(OutletFilters),
        plugin_turns=services.get(PluginTurns),
        tasks=services.get(Tasks),
        has_api_outlet=services.get(Settings).enable_api_outlet_filters,
    )
