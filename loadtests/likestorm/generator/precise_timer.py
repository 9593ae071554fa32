"""Waiting inside gevent until a moment, to some µs: epoll by itself, and so gevent.sleep, rounds up to whole ms."""

from __future__ import annotations

import ctypes
import os

from gevent import get_hub

_CLOCK_MONOTONIC = 1
_ABSOLUTE = 1


class _Moment(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))


class _Setting(ctypes.Structure):
    _fields_ = (("period", _Moment), ("moment", _Moment))


class Alarm:
    """A kernel timer (timerfd) that wakes the one greenlet which waits for it; close it when done."""

    def __init__(self) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        self._fd: int = libc.timerfd_create(_CLOCK_MONOTONIC, os.O_NONBLOCK | os.O_CLOEXEC)
        if self._fd < 0:
            raise OSError(ctypes.get_errno(), "timerfd_create")
        self._set = libc.timerfd_settime
        self._setting = _Setting()
        self._hub = get_hub()
        self._readable = self._hub.loop.io(self._fd, 1)

    def wait_until(self, moment: float) -> None:
        """Let other greenlets run until `moment` (perf_counter seconds, which on Linux are the monotonic clock's)."""
        seconds = int(moment)
        self._setting.moment.seconds = seconds
        # Never zero: a timer that is set to zero never rings.
        self._setting.moment.nanoseconds = int((moment - seconds) * 1e9) or 1
        if self._set(self._fd, _ABSOLUTE, ctypes.byref(self._setting), None) < 0:
            raise OSError(ctypes.get_errno(), "timerfd_settime")
        self._hub.wait(self._readable)

    def close(self) -> None:
        """Give the timer back."""
        self._readable.close()
        os.close(self._fd)
