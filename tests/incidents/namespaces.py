"""Namespaces of a run's own: network, mounts, processes and host name.

Fixed ports cannot collide, `/etc/hosts` can be broken, and whatever happens, all processes end with
the first one.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys

MARK = "PYROMETER_INCIDENTS_INSIDE"
KINDS = "--mount --net --uts --ipc --pid --fork --kill-child --mount-proc".split()


def enter() -> None:
    """Starts this program anew inside; returns when it is there."""
    if os.environ.get(MARK):
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        socket.sethostname("shop-1")
        return
    os.environ[MARK] = "1"
    os.execvp("unshare", ["unshare", *KINDS, sys.executable, *sys.argv])
