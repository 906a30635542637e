"""Build what asks a model besides the answer: generations and compaction."""

from __future__ import annotations

from fastback.completions.compaction import Compactor
from fastback.completions.stages.admission import Admission
from fastback.completions.tasks.generations import Generations
from fastback.completions.tasks.task_requests import TaskRequests
from fastback.completions.turn_slots import TurnSlots
from fastback.config import Config
from fastback.features.chats.messages.context_usage import ContextUsage
from fastback.kit.db import Database
from fastback.kit.services import Services
from fastback.kit.tasks import Tasks
from fastback.providers.client import ModelClient
from fastback.providers.model_resolution import ModelResolver
from fastback.providers.registry import ModelRegistry


def add_generations(services: Services) -> None:
    """Add what asks a model besides the answer: generations, compaction."""
    db, config = services.get(Database), services.get(Config)
    registry, resolver, client = services.get(ModelRegistry), services.get(ModelResolver), services.get(ModelClient)
    generations = Generations(db=db, config=config, registry=registry, resolver=resolver, client=client)
    task_requests = TaskRequests(db=db, config=config, registry=registry, resolver=resolver, client=client)
    compactor = Compactor(
        db=db,
        config=config,
        registry=registry,
        resolver=resolver,
        client=client,
        context_usage=services.get(ContextUsage),
    )
    services.add(Generations, generations)
    services.add(TaskRequests, task_requests)
    services.add(Compactor, compactor)
    admission = Admission(
        registry=registry, resolver=resolver, tasks=services.get(Tasks), slots=services.get(TurnSlots)
    )
    services.add(Admission, admission)
