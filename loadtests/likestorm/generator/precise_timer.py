"""Sleeping inside gevent with a precision of some µs; epoll, and so gevent.sleep, rounds up to whole ms."""

from __future__ import annotations

import ctypes
import os

from gevent import get_hub

_CLOCK_MONOTONIC = 1
_ABSOLUTE = 1


class _TimeSpec(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))


class _TimerSpec(ctypes.Structure):
    _fields_ = (("period", _TimeSpec), ("expiry", _TimeSpec))


class PreciseTimer:
    """A kernel timer (timerfd) for one greenlet; `close` frees its descriptor."""

    def __init__(self) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        self._fd: int = libc.timerfd_create(_CLOCK_MONOTONIC, os.O_NONBLOCK | os.O_CLOEXEC)
        if self._fd < 0:
            raise OSError(ctypes.get_errno(), "timerfd_create")
        self._set = libc.timerfd_settime
        self._spec = _TimerSpec()
        self._hub = get_hub()
        self._readable = self._hub.loop.io(self._fd, 1)

    def wait_until(self, moment: float) -> None:
        """Let other greenlets run until `moment` (perf_counter seconds, on Linux those of the monotonic clock)."""
        seconds = int(moment)
        self._spec.expiry.seconds = seconds
        # A timer that is set to zero never expires.
        self._spec.expiry.nanoseconds = int((moment - seconds) * 1e9) or 1
        if self._set(self._fd, _ABSOLUTE, ctypes.byref(self._spec), None) < 0:
            raise OSError(ctypes.get_errno(), "timerfd_settime")
        self._hub.wait(self._readable)

    def close(self) -> None:
        """Free the timer."""
        self._readable.close()
        os.close(self._fd)
