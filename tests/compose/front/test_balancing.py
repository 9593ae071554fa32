"""Balancer and nginx before tiny app servers."""

import json
import re
import socket
import stat
import subprocess
import time
from collections import Counter
from functools import partial
from pathlib import Path
from threading import Thread
from typing import Any

import psutil
import pytest
import urllib3

from compose.errors import UsageError
from compose.exporters.nginx import Nginx
from compose.haproxy.configuration import list_files
from compose.haproxy.runtime import Balancer
from compose.layout import Layout
from compose.topology import Topology
from tests.compose.front.conftest import free_topology, servers_layout
from tests.compose.front.fronts import Front, fetch, front
from tests.servers import wait_until


def told(web: Front, **headers: str) -> dict[str, Any]:
    answer = fetch(f"{web.url}/echo", headers=headers)
    assert answer.status == 200
    return dict(json.loads(answer.data))


def balancer(web: Front) -> Balancer:
    return Balancer(web.layout.folder("front"))


def await_health(web: Front, name: str, healthy: bool) -> None:
    wait_until(lambda: balancer(web).servers()[name].is_healthy == healthy, what=f"{name} healthy: {healthy}")


def test_both_app_servers_get_requests(web: Front) -> None:
    assert {told(web)["instance"] for _ in range(20)} == {"app-1", "app-2"}


def test_the_client_s_address_cannot_be_forged(web: Front) -> None:
    headers = told(web, **{"X-Forwarded-For": "6.6.6.6", "Forwarded": "for=6.6.6.6", "X-Real-IP": "6.6.6.6"})["headers"]
    # The balancer's word, then nginx's on the balancer.
    assert headers["HTTP_X_FORWARDED_FOR"] == "127.0.0.1, 127.0.0.1"
    assert headers["HTTP_X_FORWARDED_PROTO"] == "http"
    assert "6.6.6.6" not in str(headers)


def test_nginx_s_time_is_told_where_the_app_tells_its_own(web: Front) -> None:
    header = fetch(f"{web.url}/timed").headers["Server-Timing"]
    app, _, nginx = header.partition(", nginx;dur=")
    assert app == "app;dur=1.000"
    assert 0 < float(nginx) < 1000
    assert "Server-Timing" not in fetch(f"{web.url}/echo").headers


def test_the_app_is_told_when_nginx_turned_to_the_request(web: Front) -> None:
    before = time.time()
    stamp = told(web, **{"X-Request-Start": "t=1"})["headers"]["HTTP_X_REQUEST_START"]
    assert stamp.startswith("t=")
    assert before - 0.01 < float(stamp[2:]) <= time.time()


def test_connections_are_kept_on_both_sides(web: Front) -> None:
    def count(what: str) -> float:
        urls = (
            f"http://127.0.0.1:{web.topology.ports[f'{name}-status']}/stub_status" for name in ("nginx-1", "nginx-2")
        )
        metrics = [metric for url in urls for metric in Nginx(url)()]
        return sum(metric.samples[0].value for metric in metrics if metric.name == what)

    accepted, requests = count("nginx_connections_accepted"), count("nginx_http_requests")
    with urllib3.HTTPConnectionPool("127.0.0.1", web.topology.ports["front"], maxsize=1, retries=False) as pool:
        for _ in range(200):
            assert pool.request("GET", "/echo").status == 200
        assert pool.num_connections == 1
    assert count("nginx_http_requests") - requests >= 200
    # Health checks and this question itself make some.
    assert count("nginx_connections_accepted") - accepted < 20


def test_an_nginx_that_ends_is_dropped_without_an_error_and_taken_back(web: Front) -> None:
    web.stop("nginx-1")
    assert [fetch(f"{web.url}/echo").status for _ in range(20)] == [200] * 20
    await_health(web, "nginx-1", False)
    web.start("nginx-1")
    await_health(web, "nginx-1", True)


@pytest.mark.timed
def test_an_nginx_that_hangs_is_dropped(web: Front) -> None:
    workers = psutil.Process(web.running["nginx-2"].pid).children()
    assert workers
    for worker in workers:
        worker.suspend()
    try:
        await_health(web, "nginx-2", False)
        began = time.monotonic()
        assert [fetch(f"{web.url}/echo").status for _ in range(10)] == [200] * 10
        assert time.monotonic() - began < 1
    finally:
        for worker in workers:
            worker.resume()
    await_health(web, "nginx-2", True)


def test_an_app_server_that_ends_is_skipped(web: Front) -> None:
    web.stop("app-1")
    try:
        assert [fetch(f"{web.url}/echo").status for _ in range(20)] == [200] * 20
        assert [fetch(f"{web.url}/written", "POST", body=b"skip").status for _ in range(20)] == [201] * 20
    finally:
        web.start("app-1")


def _is_said(text: str, url: str) -> bool:
    return text in fetch(url).data.decode()


def test_slow_app_servers_are_no_reason_to_drop_an_nginx(web: Front) -> None:
    metrics = f"http://127.0.0.1:{web.topology.ports['balancer-status']}/metrics"
    workers = [
        worker for name in web.topology.app_instances for worker in psutil.Process(web.running[name].pid).children()
    ]
    for worker in workers:
        worker.suspend()
    try:
        for name in web.topology.nginx_instances:
            said = f'haproxy_server_check_code{{proxy="nginx",server="{name}"}} 504'
            wait_until(partial(_is_said, said, metrics), what=said)
        assert all(server.is_healthy for server in balancer(web).servers().values())
    finally:
        for worker in workers:
            worker.resume()
    wait_until(lambda: fetch(f"{web.url}/echo").status == 200)


@pytest.mark.timed
def test_without_app_servers_the_answer_is_a_quick_503(web: Front) -> None:
    names = web.topology.app_instances
    for name in names:
        web.stop(name)
    try:
        for name in web.topology.nginx_instances:
            await_health(web, name, False)
        answer = fetch(f"{web.url}/echo", timeout=1)
        assert (answer.status, json.loads(answer.data)["error"]["code"]) == (503, "unavailable")
    finally:
        web.start(*names)
        for name in web.topology.nginx_instances:
            await_health(web, name, True)


def test_a_write_whose_app_server_dies_is_not_repeated(web: Front) -> None:
    line = f"crash {time.monotonic_ns()}"
    answer = fetch(f"{web.url}/crash", "POST", body=line.encode())
    assert (answer.status, json.loads(answer.data)["error"]["code"]) == (502, "bad_gateway")
    assert web.written.read_text().splitlines().count(line) == 1


@pytest.mark.parametrize("path", ["/metrics", "/metrics/", "/stub_status", "/%6detrics", "/x/../metrics", "//metrics"])
def test_counters_cannot_be_reached(web: Front, path: str) -> None:
    with socket.create_connection(("127.0.0.1", web.topology.ports["front"]), timeout=5) as client:
        client.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        answer = b"".join(iter(lambda: client.recv(4096), b""))
    assert answer.startswith(b"HTTP/1.1 404 ")
    assert b"not_found" in answer


def test_the_admin_socket_is_for_its_owner_alone(web: Front) -> None:
    admin = (web.layout.folder("front") / "admin.sock").stat()
    assert (stat.S_ISSOCK(admin.st_mode), stat.S_IMODE(admin.st_mode)) == (True, 0o600)
    # The page that is on the network shows, and changes nothing.
    status = f"http://127.0.0.1:{web.topology.ports['balancer-status']}"
    fetch(f"{status}/", "POST", {"Content-Type": "application/x-www-form-urlencoded"}, b"s=nginx-1&action=drain&b=%231")
    assert not any(server.is_drained for server in balancer(web).servers().values())


def test_haproxy_s_metrics_tell_of_each_nginx(web: Front) -> None:
    page = fetch(f"http://127.0.0.1:{web.topology.ports['balancer-status']}/metrics").data.decode()
    for name in web.topology.nginx_instances:
        assert f'haproxy_server_status{{proxy="nginx",server="{name}",state="UP"}} 1' in page
    assert "haproxy_frontend_http_responses_total" in page
    assert "haproxy_process_" not in page


@pytest.mark.parametrize("chunked", [False, True])
def test_a_huge_body_is_refused(web: Front, chunked: bool) -> None:
    body = b"x" * 70_000
    with socket.create_connection(("127.0.0.1", web.topology.ports["front"]), timeout=5) as client:
        length = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {len(body)}"
        client.sendall(f"POST /echo HTTP/1.1\r\nHost: x\r\n{length}\r\n\r\n".encode())
        client.sendall(b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body) if chunked else body)
        assert client.recv(4096).startswith(b"HTTP/1.1 413 ")


@pytest.mark.timed
def test_clients_that_trickle_are_cut_off(web: Front) -> None:
    """One with its headers, one with its body, each a byte at a time."""
    beginnings = {
        "headers": b"GET /echo HTTP/1.1\r\nHost: x\r\nX: ",
        "body": b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\n" + b"x" * 40_000,
    }
    answers: dict[str, bytes] = {}

    def trickle(name: str) -> None:
        with socket.create_connection(("127.0.0.1", web.topology.ports["front"])) as client:
            client.sendall(beginnings[name])
            client.settimeout(0.2)
            while name not in answers:
                try:
                    answers[name] = client.recv(4096)
                except TimeoutError:
                    client.sendall(b"x")

    began = time.monotonic()
    threads = [Thread(target=trickle, args=(name,)) for name in beginnings]
    for thread in threads:
        thread.start()
    # Meanwhile others are served.
    assert fetch(f"{web.url}/echo").status == 200
    for thread in threads:
        thread.join()
    assert time.monotonic() - began < 8
    assert {name: answer[:12] for name, answer in answers.items()} == dict.fromkeys(beginnings, b"HTTP/1.1 408")


def closing_server(port: int, seen: Counter[str]) -> socket.socket:
    """Stands for an nginx: healthy, but it closes on every request without a word."""
    server = socket.create_server(("127.0.0.1", port))

    def serve() -> None:
        while True:
            try:
                client, _ = server.accept()
            except OSError:
                return
            with client:
                method, path = client.recv(65536).decode().split(" ")[:2]
                if path == "/healthz":
                    client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
                else:
                    seen[method] += 1

    Thread(target=serve, daemon=True).start()
    return server


def test_what_was_not_answered_is_repeated_unless_it_may_have_been_done() -> None:
    topology, seen = free_topology(), Counter[str]()
    servers = [closing_server(topology.ports[name], seen) for name in topology.nginx_instances]
    try:
        with servers_layout() as layout, front(topology, layout) as web:
            web.start("front")
            for name in topology.nginx_instances:
                await_health(web, name, True)
            answers = {method: fetch(f"{web.url}/echo", method, body=b"x").status for method in ("POST", "PUT")}
            answers["GET"] = fetch(f"{web.url}/echo").status
        assert answers == {"POST": 502, "PUT": 502, "GET": 502}
        assert seen == {"POST": 1, "PUT": 3, "GET": 3}
    finally:
        for server in servers:
            server.close()


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (None, "cannot be read: "),
        ("-----BEGIN CERTIFICATE-----", "must hold a certificate and its private key, in PEM"),
    ],
)
def test_a_certificate_that_is_none_is_refused(
    content: str | None, complaint: str, topology: Topology, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "cert.pem"
    if content:
        path.write_text(content)
    monkeypatch.setenv("LIKESTORM_TLS_CERT", str(path))
    with pytest.raises(UsageError, match=f"^LIKESTORM_TLS_CERT: {re.escape(str(path))} {complaint}"):
        list_files(topology, Layout(tmp_path, tmp_path / "run", None))


def test_with_a_certificate_the_front_speaks_tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate],
        check=True, capture_output=True,
    )  # fmt: skip
    both = tmp_path / "both.pem"
    both.write_text(certificate.read_text() + key.read_text())
    monkeypatch.setenv("LIKESTORM_TLS_CERT", str(both))
    topology = free_topology()
    with servers_layout() as layout, front(topology, layout) as web:
        web.start("app-1", "nginx-1", "nginx-2", "front")
        with urllib3.PoolManager(ca_certs=str(certificate), retries=False) as pool:
            answer = pool.request("GET", web.url.replace("http:", "https:") + "/echo")
        assert json.loads(answer.data)["headers"]["HTTP_X_FORWARDED_PROTO"] == "https"
        with pytest.raises(urllib3.exceptions.HTTPError):
            fetch(f"{web.url}/echo")
