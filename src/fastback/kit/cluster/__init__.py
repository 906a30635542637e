"""What the processes of one installation share, behind one interface: messages, leases, counters, entries, streams.

PostgreSQL keeps what must last; a cluster keeps what may be lost with the processes: who is present, who is typing,
which process runs a schedule. One process needs nothing beside itself (`LocalCluster`); several share a Redis
(`redis_cluster.RedisCluster`, which is imported only then).
"""

from fastback.kit.cluster.held_lease import hold_lease
from fastback.kit.cluster.interface import Cluster, GapListener, Lease, Listener, StreamEntry
from fastback.kit.cluster.local import LocalCluster

__all__ = ["Cluster", "GapListener", "Lease", "Listener", "LocalCluster", "StreamEntry", "hold_lease"]
