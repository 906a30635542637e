"""Build what runs automations and timers, and begin."""

from __future__ import annotations

from fastback.access.tokens import TokenSigner
from fastback.completions.automations.channel_runs import ChannelRuns
from fastback.completions.automations.chat_runs import ChatRuns
from fastback.completions.automations.due_automations import DueAutomations
from fastback.completions.automations.due_timers import DueTimers
from fastback.completions.automations.runner import AutomationRunner
from fastback.completions.automations.scheduler import Scheduler
from fastback.completions.channels.turns import ChannelTurns
from fastback.completions.page_turns import PageTurns
from fastback.completions.stages.admission import Admission
from fastback.config import Config
from fastback.features.automations.access import AutomationAccess
from fastback.features.automations.events import RunRequested, ScheduleChanged
from fastback.features.automations.schedules import Schedules
from fastback.features.channels.access import ChannelAccess
from fastback.features.channels.messages.reader import MessageReader
from fastback.features.channels.messages.service import MessageService
from fastback.features.chats.timers.events import TimerSet
from fastback.features.terminals.tool_servers import TerminalToolServers
from fastback.kit.bus import Bus
from fastback.kit.cluster import Cluster
from fastback.kit.db import Database
from fastback.kit.services import Services
from fastback.kit.tasks import Tasks
from fastback.providers.registry import ModelRegistry
from fastback.settings import Settings


def add_automations(services: Services) -> None:
    """Add `AutomationRunner` and `Scheduler`, which starts at once."""
    db, bus, tasks = services.get(Database), services.get(Bus), services.get(Tasks)
    runner = _build_runner(services)
    services.add(AutomationRunner, runner)
    due_automations = DueAutomations(
        db=db,
        tasks=tasks,
        access=services.get(AutomationAccess),
        schedules=services.get(Schedules),
        runner=runner,
    )
    due_timers = DueTimers(db=db, bus=bus, tasks=tasks, turns=services.get(PageTurns))
    scheduler = Scheduler(
        cluster=services.get(Cluster),
        tasks=tasks,
        sources=[due_timers, due_automations],
        min_pause=services.get(Settings).timer_poll_interval,
    )
    services.add(Scheduler, scheduler)
    runner.connect(scheduler.wake)
    bus.subscribe(RunRequested, lambda event: runner.start_requested(event.automation_id, event.user_id))
    bus.subscribe(ScheduleChanged, lambda event: scheduler.announce(event.due_at))
    bus.subscribe(TimerSet, lambda event: scheduler.announce(event.due_at))
    scheduler.start()


def _build_runner(services: Services) -> AutomationRunner:
    db, config, bus = services.get(Database), services.get(Config), services.get(Bus)
    admission, registry = services.get(Admission), services.get(ModelRegistry)
    chat_runs = ChatRuns(
        db=db,
        config=config,
        bus=bus,
        access=services.get(AutomationAccess),
        admission=admission,
        registry=registry,
        turns=services.get(PageTurns),
        terminals=services.get(TerminalToolServers),
    )
    channel_runs = ChannelRuns(
        db=db,
        config=config,
        access=services.get(ChannelAccess),
        messages=services.get(MessageService),
        reader=services.get(MessageReader),
        admission=admission,
        registry=registry,
        turns=services.get(ChannelTurns),
    )
    return AutomationRunner(
        db=db,
        config=config,
        tasks=services.get(Tasks),
        bus=bus,
        tokens=services.get(TokenSigner),
        access=services.get(AutomationAccess),
        chat_runs=chat_runs,
        channel_runs=channel_runs,
    )
