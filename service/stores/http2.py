"""One kept HTTP/2 connection over TLS on which many requests are under way at once; h2 does the protocol."""

import socket
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import h2.config
import h2.connection
import h2.events
import h2.exceptions
import h2.settings
from hpack import Encoder, HeaderTuple

Header = tuple[str, str]

_READ_SIZE = 64 * 1024
# A connection's stream numbers end at 2**31; long before, it is to be made anew.
_LAST_STREAM = 2**31 - 1_000_000


class ConnectionLostError(Exception):
    """The connection cannot be made, or is gone; what came of the requests under way is unknown."""


@dataclass(frozen=True)
class Answer:
    """An answer that is complete."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass
class _Exchange:
    headers: dict[str, str] = field(default_factory=dict)
    body: bytearray = field(default_factory=bytearray)


class _PlainEncoder(Encoder):
    """Writes headers as they are: Huffman's code saves 40 bytes a request and costs a third of its time."""

    def encode(self, headers: Any, huffman: bool = False) -> bytes:  # noqa: ARG002
        return super().encode(headers, huffman=False)


class _Protocol(h2.connection.H2Connection):
    """HTTP/2 on a connection that lasts for days: h2 would remember its last 65,536 streams, 10 MB of them."""

    MAX_CLOSED_STREAMS = 1024


class Connection:
    """Requests go out by `send` and `flush`, answers come in by `receive`, in whatever order.

    Every call but the constructor must come from the same thread, and none waits for longer than it is told;
    ConnectionLostError ends the use of the object.
    """

    def __init__(self, host: str, port: int, context: ssl.SSLContext, timeout: float, most_streams: int) -> None:
        self._most_streams = most_streams
        self._exchanges: dict[int, _Exchange] = {}
        self._leaving = False
        self._knows_limits = False
        try:
            plain = socket.create_connection((host, port), timeout)
            # Requests are written whole; waiting to fill a packet would only delay the last of them.
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._socket = context.wrap_socket(plain, server_hostname=host)
        except OSError as error:
            raise ConnectionLostError(f"no connection to {host}:{port}: {error}") from error
        if self._socket.selected_alpn_protocol() != "h2":
            self._socket.close()
            raise ConnectionLostError(f"{host}:{port} does not speak HTTP/2")
        self._protocol = _Protocol(
            h2.config.H2Configuration(
                client_side=True, header_encoding="utf-8",
                validate_outbound_headers=False, normalize_outbound_headers=False,
            )
        )  # fmt: skip
        self._protocol.encoder = _PlainEncoder()
        self._protocol.initiate_connection()
        self._protocol.update_settings({h2.settings.SettingCodes.ENABLE_PUSH: 0})

    @property
    def is_leaving(self) -> bool:
        """Whether no more requests can be sent, because the other side said so or the stream numbers end."""
        return self._leaving

    def has_room(self, size: int) -> bool:
        """Whether a request with a body of this size may be sent now; not before the other side has said its limits."""
        settings = self._protocol.remote_settings
        return (
            self._knows_limits
            and not self._leaving
            and len(self._exchanges) < min(self._most_streams, settings.max_concurrent_streams)
            and size <= self._protocol.outbound_flow_control_window
        )

    def send(self, headers: Sequence[Header | HeaderTuple], body: bytes) -> int:
        """Make a request ready to be flushed; the number of its stream."""
        stream: int = self._protocol.get_next_available_stream_id()
        self._protocol.send_headers(stream, headers)
        self._protocol.send_data(stream, body, end_stream=True)
        self._exchanges[stream] = _Exchange()
        self._leaving = self._leaving or stream > _LAST_STREAM
        return stream

    def flush(self, timeout: float) -> None:
        """Write what is ready, within `timeout` seconds."""
        data = self._protocol.data_to_send()
        if data:
            try:
                self._socket.settimeout(timeout)
                self._socket.sendall(data)
            except OSError as error:
                raise ConnectionLostError(str(error)) from error

    def receive(self, timeout: float) -> list[tuple[int, Answer | None]]:
        """The answers that have come, by stream; waits up to `timeout` seconds for the first bytes.

        None in place of an answer: none will come, the request may be sent again.
        """
        try:
            self._socket.settimeout(timeout)
            data = self._socket.recv(_READ_SIZE)
        except (TimeoutError, ssl.SSLWantReadError):
            return []
        except OSError as error:
            raise ConnectionLostError(str(error)) from error
        if not data:
            raise ConnectionLostError("the other side closed the connection")
        try:
            events = self._protocol.receive_data(data)
        except h2.exceptions.ProtocolError as error:
            raise ConnectionLostError(f"the other side broke the protocol: {error}") from error
        finished: list[tuple[int, Answer | None]] = []
        for event in events:
            self._handle(event, finished)
        return finished

    def close(self) -> None:
        """Hang up."""
        self._socket.close()

    def _handle(self, event: h2.events.Event, finished: list[tuple[int, Answer | None]]) -> None:
        match event:
            case h2.events.ResponseReceived():
                # Text, because of header_encoding.
                self._exchange(event.stream_id).headers.update(cast(list[Header], event.headers))
            case h2.events.DataReceived():
                self._exchange(event.stream_id).body.extend(event.data)
                self._protocol.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            case h2.events.StreamEnded():
                exchange = self._exchanges.pop(event.stream_id, None)
                if exchange:
                    status = int(exchange.headers.pop(":status", "0"))
                    finished.append((event.stream_id, Answer(status, exchange.headers, bytes(exchange.body))))
            case h2.events.StreamReset():
                if self._exchanges.pop(event.stream_id, None):
                    finished.append((event.stream_id, None))
            case h2.events.RemoteSettingsChanged():
                self._knows_limits = True
            case h2.events.ConnectionTerminated():
                self._leaving = True
                for stream in [number for number in self._exchanges if number > (event.last_stream_id or 0)]:
                    del self._exchanges[stream]
                    finished.append((stream, None))

    def _exchange(self, stream: int) -> _Exchange:
        return self._exchanges.get(stream) or _Exchange()
