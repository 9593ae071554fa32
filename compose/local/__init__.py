"""The stack as processes of this machine: started, attached to, filled, audited and stopped."""

from compose.local.data import audit, manifest, promote, read_errors, seed
from compose.local.lifecycle import running, start, stop, up
from compose.local.stack import Target

__all__ = [
    "Target",
    "audit",
    "manifest",
    "promote",
    "read_errors",
    "running",
    "seed",
    "start",
    "stop",
    "up",
]
