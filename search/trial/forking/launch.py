"""Describes, starts and ends a fork server, for the driver of a search or for an actor on each node of a cluster."""

from __future__ import annotations

import dataclasses
import json
import socket
import subprocess
import sys
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from search.trial.forking.sockets import abstract
from search.trial.messages import ForkServerAddress


@dataclass(frozen=True)
class ForkServerPlan:
    """What a fork server is to import and do, on the machine of the search or on a node of its cluster."""

    address: ForkServerAddress
    warm_up: str
    """What it imports: MODULE:FUNCTION of a trainable's declaration."""
    environment: Mapping[str, str]
    """What the space file has set in the driver's environment, which libraries read when they are imported."""
    data: tuple[object, ...] = ()
    """What has the data decoded meanwhile: MODULE:FUNCTION of the declaration, and its arguments; empty: nothing."""

    @classmethod
    def of(
        cls, warm_up: Callable[[], None], cpus: int, environment: Mapping[str, str], data: tuple[object, ...] = ()
    ) -> ForkServerPlan:
        """The plan of a new search, whose processes may use so many cores; `data` begins with the function itself."""
        address = ForkServerAddress(f"keras-search-{uuid.uuid4().hex}", cpus)
        return cls(address, _name_of(warm_up), environment, (_name_of(data[0]), *data[1:]) if data else ())

    def at(self, address: ForkServerAddress) -> ForkServerPlan:
        """The same at another address."""
        return dataclasses.replace(self, address=address)


def _name_of(function: Any) -> str:
    return f"{function.__module__}:{function.__qualname__}"


class ForkServer:
    """The server as it is held by what started it, until it is closed."""

    def __init__(self, plan: ForkServerPlan, environment: Mapping[str, str]) -> None:
        """`environment` is the one of a training process; what the space file has set is added to it."""
        self.address = plan.address
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listening:
            listening.bind(abstract(self.address.name))
            listening.listen(1024)
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "search.trial.forking.server", str(listening.fileno())),
                    *(plan.warm_up, json.dumps(plan.data, default=str)),
                ],
                pass_fds=[listening.fileno()],
                env={**environment, **plan.environment},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )

    def close(self) -> None:
        """End it, and with it every process that it has forked."""
        self._process.kill()
        self._process.wait()
