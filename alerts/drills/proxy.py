"""A listener in a server's place."""

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from compose.topology import LOOPBACK

# Closing then sends a reset instead of an orderly end.
_AT_ONCE = struct.pack("ii", 1, 0)


@contextmanager
def hang_up(port: int) -> Iterator[None]:
    """Whoever connects to the port is cut off at once; OSError when somebody else listens there."""
    with socket.create_server((LOOPBACK, port)) as listener:

        def refuse() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
                    connection.close()

        thread = threading.Thread(target=refuse, daemon=True)
        thread.start()
        try:
            yield
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()
