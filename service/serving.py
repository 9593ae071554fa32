"""The gunicorn worker: threads that stay with a connection for a moment after they have answered on it."""

import select
import threading
from collections import deque
from typing import Any

from gunicorn.workers.gthread import ThreadWorker

LINGER_MS = 50
"""A proxy sends its next request on the connection that it used last: under load it comes well within this time."""


class LingeringWorker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """gthread that hands a kept connection back to its main loop only when no request follows at once.

    The way back and forth costs two switches of threads, a pipe, a future and five system calls a request. At most half
    of the threads wait so, and none while another connection has nobody to answer it.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._places = threading.Semaphore(self.cfg.threads // 2)
        self._queued: deque[Any] = deque()

    def enqueue_req(self, conn: Any) -> None:
        """Submit a connection to the threads, and note that it waits for one."""
        self._queued.append(conn)
        super().enqueue_req(conn)

    def handle(self, conn: Any) -> Any:
        """Answer what has arrived on a connection, and whatever follows at once; gunicorn's own answer on what next."""
        self._queued.popleft()
        after = super().handle(conn)
        while after is True and self._has_more(conn):
            after = super().handle(conn)
        return after

    def _has_more(self, conn: Any) -> bool:
        """Whether a request begins to arrive while this thread may wait for one."""
        if self._queued or not self.alive or conn.parser.unreader.buf.getvalue():
            return False
        if not self._places.acquire(blocking=False):
            return False
        try:
            waiting = select.poll()
            waiting.register(conn.sock, select.POLLIN)
            return bool(waiting.poll(LINGER_MS))
        finally:
            self._places.release()
