"""Processes forked from one parent, which starts another for each that dies.

RQ's WorkerPool would do, but it gives workers random names, so that every new worker adds metric files; it waits for
its workers in turn, so that of 60 a dead one is seen after 6 s; and they outlive a parent that is killed.
"""

import ctypes
import gc
import logging
import os
import signal
import time
from collections.abc import Callable

ENDING = (signal.SIGTERM, signal.SIGINT)
SIGNALS = (*ENDING, signal.SIGCHLD)
INTERVAL_S = 1.0
SHORTEST_LIFE_S = 2.0
"""A process that dies sooner is replaced only then, so that processes that cannot work do not use up the machine."""

_PR_SET_PDEATHSIG = 1

log = logging.getLogger(__name__)


class Prefork:
    """`count` processes that each run `work(number)`, number from 0; connect nothing before they are forked.

    died: gets the number and the process id of a dead process. maintain: called about once a second.
    patience_s: how long the processes may take to end before they are killed.
    """

    def __init__(
        self,
        count: int,
        work: Callable[[int], None],
        died: Callable[[int, int], None],
        maintain: Callable[[], None],
        patience_s: float,
    ) -> None:
        self._work = work
        self._died = died
        self._maintain = maintain
        self._patience_s = patience_s
        self._alive: dict[int, int] = {}
        self._started = dict.fromkeys(range(count), -SHORTEST_LIFE_S)
        self._mask: set[signal.Signals | int] = set()

    def run(self) -> None:
        """Return when a signal to end has come and all processes have ended."""
        gc.collect()
        # Without the collector's writes, the memory that exists before the fork stays shared.
        gc.freeze()
        self._mask = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        try:
            self._keep()
            self._end()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, self._mask)

    def _keep(self) -> None:
        maintained = -INTERVAL_S
        while True:
            self._start_missing()
            received = signal.sigtimedwait(SIGNALS, INTERVAL_S)
            if received is not None and received.si_signo in ENDING:
                return
            self._reap()
            if time.monotonic() - maintained >= INTERVAL_S:
                maintained = time.monotonic()
                self._maintain()

    def _end(self) -> None:
        for pid in self._alive:
            os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + self._patience_s
        while self._alive and time.monotonic() < deadline:
            self._reap()
            if self._alive:
                signal.sigtimedwait(SIGNALS, INTERVAL_S)
        for pid in self._alive:
            log.error("process %d does not end: killed", pid)
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)

    def _start_missing(self) -> None:
        now = time.monotonic()
        for number in self._started.keys() - self._alive.values():
            if now - self._started[number] >= SHORTEST_LIFE_S:
                self._started[number] = now
                self._alive[self._fork(number)] = number

    def _fork(self, number: int) -> int:
        """The id of a new process; in that process, never returns."""
        parent = os.getpid()
        pid = os.fork()
        if pid:
            return pid
        status = 1
        try:
            self._end_with(parent)
            signal.pthread_sigmask(signal.SIG_SETMASK, self._mask)
            self._work(number)
            status = 0
        except BaseException:
            log.exception("process %d failed", os.getpid())
        finally:
            # The parent's stack must not be unwound here.
            os._exit(status)

    @staticmethod
    def _end_with(parent: int) -> None:
        """Have the kernel send SIGTERM to this process when its parent ends, also by SIGKILL."""
        if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM)) != 0:
            raise OSError(ctypes.get_errno(), "prctl")
        if os.getppid() != parent:
            os.kill(os.getpid(), signal.SIGTERM)  # It ended before the kernel knew.

    def _reap(self) -> None:
        while self._alive:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            number = self._alive.pop(pid, None)
            if number is None:
                continue
            if os.WIFSIGNALED(status):
                log.warning("process %d was ended by %s", pid, signal.Signals(os.WTERMSIG(status)).name)
            self._died(number, pid)
