"""The fake push service: HTTP/2 over TLS, like Apple's."""

import asyncio
import ssl
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import cast

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions
import h2.settings

from compose.fakes.apns import LARGEST_PAYLOAD, Provider, Refusal, Rules, device_of
from compose.fakes.faults import Effect, Faults
from compose.fakes.received import PUSH, Received
from compose.topology import LOOPBACK

MOST_STREAMS = 1000
# Room for the largest payload on every stream.
_WINDOW = MOST_STREAMS * LARGEST_PAYLOAD


@dataclass
class _Request:
    headers: dict[str, str]
    body: bytearray = field(default_factory=bytearray)


async def listen(
    port: int, certificate: Path, key: Path, rules: Rules, faults: Faults, received: Received, host: str = LOOPBACK
) -> asyncio.Server:
    """A server that takes pushes; OSError when the port or the files cannot be used."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(certificate, key)
    context.set_alpn_protocols(["h2"])
    return await asyncio.get_running_loop().create_server(
        lambda: _Connection(rules, faults, received), host, port, ssl=context
    )


class _Connection(asyncio.Protocol):
    """One provider's connection."""

    def __init__(self, rules: Rules, faults: Faults, received: Received) -> None:
        self._rules = rules
        self._faults = faults
        self._received = received
        self._provider = Provider()
        self._requests: dict[int, _Request] = {}
        self._protocol = h2.connection.H2Connection(
            h2.config.H2Configuration(client_side=False, header_encoding="utf-8")
        )

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start HTTP/2; hang up on a client that does not speak it."""
        self._transport = cast(asyncio.Transport, transport)
        if transport.get_extra_info("ssl_object").selected_alpn_protocol() != "h2":
            self._transport.abort()
            return
        self._protocol.initiate_connection()
        self._protocol.update_settings({h2.settings.SettingCodes.MAX_CONCURRENT_STREAMS: MOST_STREAMS})
        self._protocol.increment_flow_control_window(_WINDOW)
        self._flush()

    def data_received(self, data: bytes) -> None:
        """Answer every complete request, in one write."""
        try:
            events = self._protocol.receive_data(data)
        except h2.exceptions.ProtocolError:
            # h2 has prepared a GOAWAY frame with the reason.
            self._flush()
            self._transport.close()
            return
        for event in events:
            self._handle(event)
        self._flush()

    def _handle(self, event: h2.events.Event) -> None:
        match event:
            case h2.events.RequestReceived():
                # Text, because of header_encoding.
                self._requests[event.stream_id] = _Request(dict(cast(list[tuple[str, str]], event.headers)))
            case h2.events.DataReceived():
                self._protocol.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                request = self._requests.get(event.stream_id)
                # One byte too many is enough to refuse a body that is too large.
                if request and len(request.body) <= LARGEST_PAYLOAD:
                    request.body.extend(event.data[: LARGEST_PAYLOAD + 1])
            case h2.events.StreamEnded():
                request = self._requests.pop(event.stream_id, None)
                if request:
                    self._take(event.stream_id, request)
            case h2.events.StreamReset():
                self._requests.pop(event.stream_id, None)
            case h2.events.ConnectionTerminated():
                self._transport.close()

    def _take(self, stream: int, request: _Request) -> None:
        """Judge a request, count it, and answer now or later."""
        began = perf_counter()
        effect = self._faults.draw(PUSH)
        headers, body = request.headers, bytes(request.body)
        push_id = headers.get("apns-id") or str(uuid.uuid4())
        refusal = self._rules.judge(headers, body, self._provider) or _injected(effect)
        if refusal:
            self._received.reject(refusal.reason, perf_counter() - began)
        else:
            message = {
                "apns_id": push_id,
                "device": device_of(headers),
                "collapse_id": headers.get("apns-collapse-id"),
                "payload": body.decode(errors="replace"),
            }
            self._received.accept(push_id, message, perf_counter() - began)
        if effect.disconnect:
            self._transport.abort()
        elif effect.delay:
            asyncio.get_running_loop().call_later(effect.delay, self._answer_later, stream, push_id, refusal)
        else:
            self._answer(stream, push_id, refusal)

    def _answer_later(self, stream: int, push_id: str, refusal: Refusal | None) -> None:
        if not self._transport.is_closing():
            self._answer(stream, push_id, refusal)
            self._flush()

    def _answer(self, stream: int, push_id: str, refusal: Refusal | None) -> None:
        headers = [(":status", str(refusal.status if refusal else 200)), ("apns-id", push_id)]
        if refusal and refusal.retry_after:
            headers.append(("retry-after", str(refusal.retry_after)))
        try:
            self._protocol.send_headers(stream, headers, end_stream=refusal is None)
            if refusal:
                self._protocol.send_data(stream, refusal.body, end_stream=True)
        except h2.exceptions.ProtocolError:
            # The provider has closed this stream, or the connection.
            return

    def _flush(self) -> None:
        self._transport.write(self._protocol.data_to_send())


# The reason for each status, where the fault names none.
_REASONS = {
    400: "BadDeviceToken",
    403: "InvalidProviderToken",
    410: "Unregistered",
    413: "PayloadTooLarge",
    429: "TooManyRequests",
    500: "InternalServerError",
    503: "ServiceUnavailable",
}


def _injected(effect: Effect) -> Refusal | None:
    fault = effect.refusal
    if fault is None or fault.status is None:
        return None
    reason = fault.reason or _REASONS.get(fault.status, "Injected")
    return Refusal(fault.status, reason, retry_after=fault.retry_after)
