"""Build what knows the other processes, and calls them."""

from __future__ import annotations

from fastback.features.nodes import store
from fastback.features.nodes.nodes import Nodes
from fastback.kit.cluster import Cluster
from fastback.kit.cluster.node_calls import NodeCalls
from fastback.kit.db import Database
from fastback.kit.services import Component, Services
from fastback.kit.tasks import Tasks


async def set_up(services: Services) -> None:
    """Add `NodeCalls` and `Nodes`; tell the other processes of this one, and of its tasks."""
    cluster = services.get(Cluster)
    calls = NodeCalls(cluster)
    services.add(NodeCalls, calls)
    nodes = Nodes(db=services.get(Database), cluster=cluster, calls=calls, tasks=services.get(Tasks))
    services.add(Nodes, nodes)
    if nodes.are_several:
        from fastback.kit.cluster.remote_tasks import STOP_METHOD, RemoteTasks  # a single process needs none of it

        tasks = services.get(Tasks)
        calls.add(STOP_METHOD, tasks.stop_own)
        running, stopping = nodes.add_table("running-tasks"), nodes.add_table("stopping")
        tasks.connect(RemoteTasks(running, calls, stopping=stopping, node_id=nodes.id))
    await nodes.start()


COMPONENT = Component(name="nodes", setup=set_up, tables=(store.CREATE_TABLE,))
