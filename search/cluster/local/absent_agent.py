"""Stands for an agent of Ray on a machine where nobody asks it anything; the standard library is all that it needs.

    python -I -S absent_agent.py SCRIPT_OF_THE_AGENT --name=value ...

A raylet starts two agents, for the dashboard and for runtime environments, and waits until both have written to which
ports they listen: a second of the clock, and two of a core, in which they import Ray. This writes that there is no
port, as Ray's own agent does where the dashboard is not installed.
"""

import os
import select
import sys
from pathlib import Path

PORTS = {
    "dashboard": ("metrics_agent_port", "metrics_export_port", "dashboard_agent_listen_port"),
    "runtime_env": ("runtime_env_agent_port",),
}
"""The files that each agent writes, by a part of its script's path; the id of the node is the end of their names."""
NO_PORT = "-1"


def main(words: list[str]) -> None:
    """Write that no port is listened to, and wait for the end of the raylet, this process' parent, however it ends."""
    raylet = os.pidfd_open(os.getppid())
    script, options = words[0], dict(word[2:].split("=", 1) for word in words[1:] if "=" in word)
    for name in next(names for part, names in PORTS.items() if part in script):
        _write(Path(options["session-dir"]) / f"{name}_{options['node-id']}", NO_PORT)
    select.select([raylet], [], [])


def _write(path: Path, text: str) -> None:
    """Write the file so that it is whole as soon as it is there: the raylet looks for it all the time."""
    new = path.with_name(f"{path.name}.new")
    new.write_text(text, encoding="utf-8")
    new.rename(path)


if __name__ == "__main__":
    main(sys.argv[1:])
