"""Request heads, usual and odd ones: what gunicorn alone makes of them, and what we make of them."""

import random
from typing import Any

import pytest
from gunicorn.config import Config
from gunicorn.http import wsgi
from gunicorn.http.parser import RequestParser

from service.heads import Environs, PlainParser

TRUSTED, STRANGER = ("127.0.0.1", 4000), ("192.0.2.7", 4000)
SERVER = ("127.0.0.1", 8000)
LIKE = (
    b"PUT /photos/23/like HTTP/1.1\r\nHost: likes.test:8000\r\nX-Forwarded-For: 192.0.2.1, 127.0.0.1\r\n"
    b"X-Request-Start: t=1700000000.123\r\nContent-Length: 0\r\nAuthorization: Bearer abc\r\n\r\n"
)
PLAIN = {
    "a like": LIKE,
    "a query": b"GET /feed?limit=2&before=%20?/x HTTP/1.1\r\nhost: x\r\n\r\n",
    "an empty query": b"GET /feed? HTTP/1.1\r\nhost: x\r\n\r\n",
    "an escaped path": b"GET /a%20b/%C3%A9/:;@&=+$,[]|^'()\" HTTP/1.1\r\nHost: x\r\n\r\n",
    "a body": b"POST /photos HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 4\r\n\r\nbody",
    "chunks": b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n",
    "trailers": b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\nX-End: 1\r\n\r\n",
    "blanks around values": b"GET / HTTP/1.1\r\nHost:x\r\nA: \t b\tc \t\r\nEmpty:\r\nBlank: \t\r\n\r\n",
    "values beyond ASCII": b"GET / HTTP/1.1\r\nHost: x\r\nA: \xe9\x85\xa0\xdf\r\n\r\n",
    "strange names": b"GET / HTTP/1.1\r\nHost: x\r\n!#$%&'*+-.^`|~: 1\r\n\r\n",
    "it is to close": b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Close\r\n\r\n",
    "HTTP/1.0": b"GET / HTTP/1.0\r\nHost: x\r\n\r\n",
}
ODD = {
    "no fields": b"GET / HTTP/1.1\r\n\r\n",
    "an empty line first": b"\r\n" + LIKE,
    "two empty lines first": b"\r\n\r\n" + LIKE,
    "HTTP/2.0": b"GET / HTTP/2.0\r\nHost: x\r\n\r\n",
    "HTTP/1.10": b"GET / HTTP/1.10\r\nHost: x\r\n\r\n",
    "no version": b"GET /\r\nHost: x\r\n\r\n",
    "two blanks": b"GET  / HTTP/1.1\r\nHost: x\r\n\r\n",
    "a blank at the end": b"GET / HTTP/1.1 \r\nHost: x\r\n\r\n",
    "a method in small letters": b"get / HTTP/1.1\r\nHost: x\r\n\r\n",
    "a short method": b"GO / HTTP/1.1\r\nHost: x\r\n\r\n",
    "a long method": b"ABCDEFGHIJKLMNOPQRSTU / HTTP/1.1\r\nHost: x\r\n\r\n",
    "an unknown method": b"M-SEARCH / HTTP/1.1\r\nHost: x\r\n\r\n",
    "CONNECT": b"CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n",
    "CONNECT to a path": b"CONNECT /x HTTP/1.1\r\nHost: x\r\n\r\n",
    "an asterisk": b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
    "an asterisk to get": b"GET * HTTP/1.1\r\nHost: x\r\n\r\n",
    "a whole URL": b"GET http://other/x?y#z HTTP/1.1\r\nHost: x\r\n\r\n",
    "a broken URL": b"GET http://[other/x HTTP/1.1\r\nHost: x\r\n\r\n",
    "no slash": b"GET x HTTP/1.1\r\nHost: x\r\n\r\n",
    "two slashes": b"GET //other/x HTTP/1.1\r\nHost: x\r\n\r\n",
    "a fragment": b"GET /x#y?z HTTP/1.1\r\nHost: x\r\n\r\n",
    "a target beyond ASCII": b"GET /\xe9 HTTP/1.1\r\nHost: x\r\n\r\n",
    "a control in the target": b"GET /\x01 HTTP/1.1\r\nHost: x\r\n\r\n",
    "a bare LF in the target": b"GET / HTTP/1.1\nHost: x\r\n\r\n",
    "a bare LF": b"GET / HTTP/1.1\r\nHost: x\nA: b\r\n\r\n",
    "a bare CR": b"GET / HTTP/1.1\r\nHost: x\rA: b\r\n\r\n",
    "a NUL": b"GET / HTTP/1.1\r\nHost: x\x00\r\n\r\n",
    "a DEL": b"GET / HTTP/1.1\r\nHost: x\x7f\r\n\r\n",
    "other line ends": b"GET / HTTP/1.1\r\nHost: x\x0bA: b\x0cB: c\r\n\r\n",
    "no colon": b"GET / HTTP/1.1\r\nHost: x\r\nA\r\n\r\n",
    "no name": b"GET / HTTP/1.1\r\nHost: x\r\n: a\r\n\r\n",
    "a blank before the colon": b"GET / HTTP/1.1\r\nHost : x\r\n\r\n",
    "a blank first": b"GET / HTTP/1.1\r\n Host: x\r\n\r\n",
    "a folded line": b"GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n c: d\r\n\r\n",
    "a folded line with a tab": b"GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n\tc\r\n\r\n",
    "a name beyond ASCII": b"GET / HTTP/1.1\r\nHost: x\r\n\xdf: b\r\n\r\n",
    "two hosts": b"GET / HTTP/1.1\r\nHost: x\r\nhOST: y\r\n\r\n",
    "two content types": b"GET / HTTP/1.1\r\nContent-Type: x\r\nContent-Type: y\r\n\r\n",
    "two lengths": b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na",
    "a length that is none": b"POST / HTTP/1.1\r\nContent-Length: +1\r\n\r\na",
    "a length below zero": b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\na",
    "a length in other digits": b"POST / HTTP/1.1\r\nContent-Length: \xb2\r\n\r\na",
    "a length of nothing": b"POST / HTTP/1.1\r\nContent-Length:\r\n\r\na",
    "a length and chunks": b"POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks of HTTP/1.0": b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks twice": b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    "chunks, then not": b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: gzip\r\n\r\n0\r\n\r\n",
    "packed chunks": b"POST / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "an unknown coding": b"POST / HTTP/1.1\r\nTransfer-Encoding: xchunked\r\n\r\n",
    "a bad trailer": b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nHost: y\r\n\r\n",
    "a folded trailer": b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: y\r\n b\r\n\r\n",
    "it expects": b"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-Continue\r\nContent-Length: 1\r\n\r\na",
    "it expects too much": b"POST / HTTP/1.1\r\nHost: x\r\nExpect: wonders\r\n\r\n",
    "it was HTTPS": b"GET / HTTP/1.1\r\nHost: x\r\nX-Forwarded-Proto: https\r\n\r\n",
    "it was both": b"GET / HTTP/1.1\r\nHost: x\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Ssl: off\r\n\r\n",
    "an underscore": b"GET / HTTP/1.1\r\nHost: x\r\nX_Forwarded_For: y\r\n\r\n",
    "a field like another": b"GET / HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: y\r\nX_Forwarded-For: z\r\n\r\n",
    "a script": b"GET /a/b HTTP/1.1\r\nHost: x\r\nScript_Name: /a\r\n\r\n",
    "a field twice": b"GET / HTTP/1.1\r\nHost: x\r\nA: b\r\nA: c\r\n\r\n",
    "cut in the first line": b"GET / HT",
    "cut in a field": b"GET / HTTP/1.1\r\nHost: x\r\nA: b",
    "cut in the body": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nbody",
    "nothing": b"",
}


def _outcome(kind: type[RequestParser], sent: list[bytes], client: Any, cfg: Config, reads: bool = True) -> list[Any]:
    """All that the requests, their environments and their bodies come to, or the error that ends them.

    reads: whether somebody reads the bodies, of which the rest is to be skipped otherwise.
    """
    parser = kind(cfg, iter(sent), client)
    environs = Environs(cfg, None, client, SERVER)
    seen: list[Any] = []
    try:
        for _ in range(3):
            request = next(parser)
            names = ("method", "uri", "path", "query", "fragment", "version", "headers", "scheme", "must_close")
            seen.append([getattr(request, name) for name in names])
            seen.append([request.should_close(), request._expected_100_continue])
            seen.append(_environ(request, environs if kind is PlainParser else None, client, cfg))
            seen.append([type(request.body.reader), request.body.read() if reads else None, request.trailers])
    except StopIteration:
        seen.append("the end")
    except Exception as error:
        seen.append((type(error), str(error)))
    return seen


class _Peer:
    """What is told to go on."""

    def send(self, data: bytes) -> None:
        assert data == b"HTTP/1.1 100 Continue\r\n\r\n"


def _environ(request: Any, environs: Environs | None, client: Any, cfg: Config) -> dict[str, Any]:
    made = environs.make(request) if environs else None
    if made is None:
        made = wsgi.create(request, _Peer(), client, SERVER, cfg)[1]
    # Objects of their own, and whatever the worker itself sets.
    own = ("wsgi.input", "wsgi.errors", "wsgi.early_hints", "wsgi.multithread", "gunicorn.socket")
    assert "wsgi.errors" in made
    assert made["wsgi.input"] is request.body
    return {name: value for name, value in made.items() if name not in own}


def _config(**settings: Any) -> Config:
    cfg = Config()
    for name, value in settings.items():
        cfg.set(name, value)
    return cfg


def _compare(sent: list[bytes], client: Any, cfg: Config) -> None:
    for reads in (True, False):
        gunicorns = _outcome(RequestParser, sent, client, cfg, reads)
        assert _outcome(PlainParser, sent, client, cfg, reads) == gunicorns, sent


@pytest.mark.parametrize("client", [TRUSTED, STRANGER, ("::1", 4000, 0, 0), ""])
@pytest.mark.parametrize("sent", [*PLAIN.values(), *ODD.values()], ids=[*PLAIN, *ODD])
def test_all_comes_to_what_gunicorn_makes_of_it(sent: bytes, client: Any) -> None:
    cfg = _config()
    _compare([sent], client, cfg)
    _compare([sent + LIKE + LIKE], client, cfg)
    _compare([bytes([byte]) for byte in sent], client, cfg)


@pytest.mark.parametrize(
    "settings",
    [
        {"limit_request_line": 27},
        {"limit_request_fields": 4},
        {"limit_request_fields": 5},
        {"limit_request_field_size": 43},
        {"limit_request_field_size": 44},
        {"limit_request_field_size": 0},
        {"forwarded_allow_ips": "*"},
        {"forwarder_headers": "X_FORWARDED_FOR"},
        {"header_map": "refuse"},
        {"header_map": "dangerous"},
        {"secure_scheme_headers": {"X-FORWARDED-FOR": "y"}},
        {"strip_header_spaces": True},
        {"permit_obsolete_folding": True},
        {"permit_unconventional_http_method": True},
        {"permit_unconventional_http_version": True},
        {"casefold_http_method": True},
        {"proxy_protocol": True},
    ],
    ids=str,
)
def test_gunicorns_settings_hold(settings: dict[str, Any]) -> None:
    cfg = _config(**settings)
    for sent in (*PLAIN.values(), *ODD.values(), b"PROXY TCP4 192.0.2.9 192.0.2.8 1 2\r\n" + LIKE + LIKE):
        for client in (TRUSTED, STRANGER):
            _compare([sent], client, cfg)


@pytest.mark.parametrize("length", range(8180, 8196))
def test_fields_may_be_as_long_as_gunicorn_takes_them(length: int) -> None:
    line = b"A: " + b"x" * (length - 3)
    for fields in (line, b"Host: x\r\n" + line):
        _compare([b"GET / HTTP/1.1\r\n" + fields + b"\r\n\r\n"], TRUSTED, _config())


def test_a_path_below_a_script_is_gunicorns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCRIPT_NAME", "/photos")
    for sent in (*PLAIN.values(), *ODD.values()):
        _compare([sent], TRUSTED, _config())


def test_what_is_usual_is_plain() -> None:
    for name, sent in PLAIN.items():
        request = next(PlainParser(_config(), iter([sent]), TRUSTED))
        assert request.is_plain, name


def test_requests_spoilt_by_lot_come_to_the_same() -> None:
    lot = random.Random(20101006)
    cfg = _config()
    samples = [*PLAIN.values(), *ODD.values()]
    bits = [b"\r\n", b"\n", b"\r", b":", b" ", b"\t", b"_", b"#", b"?", b"//", b"\x00", b"\xff", b"Host: y\r\n", b"%2"]
    for _ in range(3000):
        sent = bytearray(lot.choice(samples) + lot.choice(samples))
        for _ in range(lot.randint(1, 3)):
            place = lot.randrange(len(sent) + 1)
            sent[place : place + lot.randint(0, 2)] = lot.choice(bits)
        _compare([bytes(sent)], lot.choice((TRUSTED, STRANGER)), cfg)
