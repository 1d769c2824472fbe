"""Has every node import what trials need while its workers are still to come: a fork server on each."""

from __future__ import annotations

from typing import Any

import ray

from search.cluster.nodes.calls import living, there
from search.trial.forking.launch import ForkServer, ForkServerPlan
from search.trial.messages import ForkServerAddress, ProcessResources
from search.trial.orphans import die_with_parent
from search.trial.process import import_path, training_environment


class _Holder:
    """Holds the fork server of its node, as the driver does on a machine alone: it ends with this actor."""

    def __init__(self, fork_server: ForkServerPlan, folders: tuple[str, ...]) -> None:
        die_with_parent()
        environment = training_environment(folders, ProcessResources(fork_server.address.cpus))
        self._server = ForkServer(fork_server, environment)


def start_fork_servers(fork_server: ForkServerPlan) -> list[Any]:
    """Start one on each node that can have workers; they end with the handles that come back, and with the search.

    Nothing is waited for, and nothing depends on any of them.
    """
    hold = ray.remote(num_cpus=0)(_Holder)
    return [
        hold.options(**there(node)).remote(
            fork_server.at(server_on(fork_server.address, node["NodeID"])), import_path()
        )
        for node in living()
        if node["Resources"].get("CPU", 0) >= fork_server.address.cpus
    ]


def server_on(address: ForkServerAddress, node_id: str) -> ForkServerAddress:
    """The address on one node: several nodes of a cluster may be on one machine, and each ends by itself."""
    return ForkServerAddress(f"{address.name}-{node_id}", address.cpus)
