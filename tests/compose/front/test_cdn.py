"""The CDN before a real object store that answers nobody who does not sign."""

import os
import socket
import subprocess
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import psutil
import pytest
import urllib3
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from prometheus_client.core import Metric

from compose.cdn import edge_log, origin_log
from compose.cdn.configuration import list_files
from compose.cdn.requests import Requests
from compose.layout import Layout
from compose.local import binaries
from compose.parts.stores import store_settings
from compose.topology import Topology
from tests.compose.front.conftest import free_topology, servers_layout
from tests.compose.front.fronts import Front, fetch, front
from tests.servers import wait_until

PHOTO = os.urandom(300_000)
FRESH_S = 2


@contextmanager
def edge(topology: Topology) -> Iterator[Front]:
    """A front where what the edge has is fresh for FRESH_S only; nothing runs yet."""
    with servers_layout() as layout, front(topology, layout) as running:
        [text] = list_files(topology, layout, store_settings(topology, running.credentials), FRESH_S).values()
        (layout.folder("cdn") / "nginx.conf").write_text(text)
        yield running


@pytest.fixture(scope="module")
def cdn() -> Iterator[Front]:
    """Edge, origin, signer and store with its bucket."""
    with edge(free_topology()) as running:
        running.start("store", "signer", "cdn")
        put(running, "")
        yield running


@pytest.fixture
def photo(cdn: Front) -> str:
    """A photo that the edge does not have yet; its path."""
    path = f"/photos/12/{time.monotonic_ns()}.jpg"
    put(cdn, path, PHOTO)
    return path


def put(cdn: Front, path: str, body: bytes = b"") -> None:
    """Into the store, by its own door; without a path this makes the bucket."""
    store = store_settings(cdn.topology, cdn.credentials)
    request = AWSRequest(
        "PUT", f"{store['LIKESTORM_S3_ENDPOINT']}/{store['LIKESTORM_S3_BUCKET']}{path}", data=body,
        headers={"Content-Type": "image/jpeg"},
    )  # fmt: skip
    keys = Credentials(store["LIKESTORM_S3_ACCESS_KEY"], store["LIKESTORM_S3_SECRET_KEY"])
    S3SigV4Auth(keys, "s3", store["LIKESTORM_S3_REGION"]).add_auth(request)
    assert urllib3.request("PUT", request.url, body=body, headers=dict(request.headers.items())).status == 200


def get(cdn: Front, path: str, **headers: str) -> tuple[int, str, bytes]:
    """Status, what the cache had, body."""
    answer = fetch(f"{cdn.cdn_url}{path}", headers=headers)
    return answer.status, answer.headers.get("X-Cache-Status", ""), answer.data


def counts(cdn: Front) -> dict[tuple[str, ...], float]:
    """What the collector says."""
    return values(Requests(edge_log(cdn.layout.logs), origin_log(cdn.layout.logs))())


def values(metrics: Iterable[Metric]) -> dict[tuple[str, ...], float]:
    return {(sample.name, *sample.labels.values()): sample.value for metric in metrics for sample in metric.samples}


def fetches(cdn: Front, path: str) -> int:
    """How often the origin was asked for this path, as soon as the edge's request for it is logged."""
    edge, origin = edge_log(cdn.layout.logs), origin_log(cdn.layout.logs)
    wait_until(lambda: path in edge.read_text())
    return origin.read_text().count(f" {path}\n")


def test_the_first_request_misses_and_the_next_hits(cdn: Front, photo: str) -> None:
    assert get(cdn, photo) == (200, "MISS", PHOTO)
    assert get(cdn, photo) == (200, "HIT", PHOTO)
    assert get(cdn, f"{photo}?changes=nothing") == (200, "HIT", PHOTO)
    answer = fetch(f"{cdn.cdn_url}{photo}", "HEAD")
    assert (answer.status, answer.headers["Content-Length"]) == (200, str(len(PHOTO)))
    wait_until(lambda: fetches(cdn, photo) == 1)


def test_an_answer_may_be_kept_for_good_and_tells_nothing_of_the_store(cdn: Front, photo: str) -> None:
    for _ in range(2):
        headers = fetch(f"{cdn.cdn_url}{photo}").headers
        assert headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert (headers["Content-Type"], headers["X-Content-Type-Options"]) == ("image/jpeg", "nosniff")
        assert headers["ETag"]
        assert not [name for name in headers if name.lower().startswith("x-amz")]


def test_many_who_miss_at_once_are_one_fetch(cdn: Front, photo: str) -> None:
    with ThreadPoolExecutor(16) as threads:
        answers = list(threads.map(lambda _: get(cdn, photo), range(16)))
    assert {answer[::2] for answer in answers} == {(200, PHOTO)}
    assert [cache for _, cache, _ in answers].count("MISS") == 1
    wait_until(lambda: fetches(cdn, photo) == 1)


def test_ranges_are_answered_even_at_the_first_request(cdn: Front, photo: str) -> None:
    assert get(cdn, photo, Range="bytes=100-199") == (206, "MISS", PHOTO[100:200])
    assert get(cdn, photo, Range="bytes=-5") == (206, "HIT", PHOTO[-5:])
    assert get(cdn, photo, Range="bytes=999999-")[0] == 416


def test_who_has_it_is_told_so(cdn: Front, photo: str) -> None:
    headers = fetch(f"{cdn.cdn_url}{photo}").headers
    assert get(cdn, photo, **{"If-None-Match": headers["ETag"]}) == (304, "HIT", b"")
    assert get(cdn, photo, **{"If-Modified-Since": headers["Last-Modified"]}) == (304, "HIT", b"")
    assert get(cdn, photo, **{"If-None-Match": '"another"'})[0] == 200


def test_what_is_no_longer_fresh_is_served_at_once_and_asked_for_behind_it(cdn: Front, photo: str) -> None:
    get(cdn, photo)
    wait_until(lambda: get(cdn, photo)[1] == "STALE")
    wait_until(lambda: get(cdn, photo) == (200, "HIT", PHOTO))
    wait_until(lambda: fetches(cdn, photo) >= 2)


def test_the_store_is_asked_only_whether_a_photo_changed() -> None:
    """With a store that can tell, unlike the embedded one."""
    asked: list[str | None] = []

    class Store(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            asked.append(self.headers["If-None-Match"])
            self.send_response(304 if asked[-1] else 200)
            self.send_header("ETag", '"photo"')
            self.send_header("Content-Length", "0" if asked[-1] else "5")
            self.end_headers()
            self.wfile.write(b"" if asked[-1] else b"photo")

        def log_message(self, format: str, *args: object) -> None: ...

    topology = free_topology()
    with HTTPServer(("127.0.0.1", topology.ports["store"]), Store) as store:
        Thread(target=store.serve_forever, daemon=True).start()
        with edge(topology) as cdn:
            cdn.start("signer", "cdn")
            assert get(cdn, "/seed/1.jpg") == (200, "MISS", b"photo")
            wait_until(lambda: len(asked) == 2 or get(cdn, "/seed/1.jpg")[2] != b"photo")
            wait_until(lambda: get(cdn, "/seed/1.jpg") == (200, "HIT", b"photo"))
        store.shutdown()
    assert asked[:2] == [None, '"photo"']


@pytest.mark.timed
def test_hot_photos_are_served_without_the_store_and_cold_ones_fail_fast(cdn: Front, photo: str) -> None:
    get(cdn, photo)
    cdn.stop("store")
    try:
        wait_until(lambda: get(cdn, photo)[1] in ("STALE", "UPDATING"))
        assert get(cdn, photo)[::2] == (200, PHOTO)
        began = time.monotonic()
        assert get(cdn, "/photos/12/cold.jpg")[0] == 502
        assert time.monotonic() - began < 1
    finally:
        cdn.start("store")


@pytest.mark.timed
def test_a_store_that_hangs_is_given_up_soon(cdn: Front, photo: str) -> None:
    get(cdn, photo)
    processes = [psutil.Process(cdn.running["store"].pid), *psutil.Process(cdn.running["store"].pid).children()]
    for process in processes:
        process.suspend()
    try:
        wait_until(lambda: get(cdn, photo)[1] in ("STALE", "UPDATING"))
        began = time.monotonic()
        assert get(cdn, "/photos/12/cold.jpg")[0] == 502
        assert time.monotonic() - began < 4
    finally:
        for process in processes:
            process.resume()


def test_without_the_signer_hot_photos_are_still_served(cdn: Front, photo: str) -> None:
    get(cdn, photo)
    cdn.stop("signer")
    try:
        wait_until(lambda: get(cdn, photo)[1] in ("STALE", "UPDATING"))
        assert get(cdn, "/photos/12/cold.jpg")[0] == 502
    finally:
        cdn.start("signer")


def test_what_is_not_there_is_not_found_and_found_soon_after_it_is(cdn: Front) -> None:
    path = f"/thumbs/12/{time.monotonic_ns()}.jpg"
    status, _, body = get(cdn, path)
    assert (status, b"NoSuchKey" in body) == (404, False)
    put(cdn, path, PHOTO)
    wait_until(lambda: get(cdn, path)[::2] == (200, PHOTO))


@pytest.mark.parametrize(
    "path",
    ["/", "/photos/", "/photos", "/likestorm/photos/12/1.jpg", "/secret/1.jpg", "/photos/../secret/1.jpg",
     "/photos/%2e%2e/secret/1.jpg", "/photos/12/1.jpg/..", "/photos/12/%20.jpg", "/photos/12/1.jpg%0d%0aX:y",
     "/photos/12/1.jpg%00", "/photos/12/1.jpg%3flist-type=2", "/sign", "/stub_status", "/photos/12/.hidden.jpg"],
)  # fmt: skip
@pytest.mark.parametrize("door", ["cdn", "origin"])
def test_forged_paths_are_not_found(cdn: Front, door: str, path: str) -> None:
    with socket.create_connection(("127.0.0.1", cdn.topology.ports[door]), timeout=5) as client:
        client.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        status = client.recv(4096).split(b" ")[1]
    # A null byte is no path at all to nginx.
    assert status == (b"400" if "%00" in path else b"404")


@pytest.mark.parametrize("method", ["PUT", "POST", "DELETE", "OPTIONS"])
def test_other_methods_are_refused(cdn: Front, method: str, photo: str) -> None:
    assert fetch(f"{cdn.cdn_url}{photo}", method).status == 405
    assert get(cdn, photo)[::2] == (200, PHOTO)


def test_what_a_client_sends_does_not_reach_the_store(cdn: Front, photo: str) -> None:
    # The store would refuse a second signature, or another one.
    assert get(cdn, photo, Authorization="Bearer token", Cookie="a=b", **{"X-Amz-Date": "20110101T000000Z"})[0] == 200


def test_requests_are_counted(cdn: Front, photo: str) -> None:
    # A line of each log that comes after all that the tests before have left.
    assert get(cdn, "/photos/12/sentinel.jpg")[0] == 404
    wait_until(lambda: fetches(cdn, "/photos/12/sentinel.jpg") == 1)
    before = counts(cdn)

    def grown(*name: str) -> float:
        return counts(cdn).get(name, 0) - before.get(name, 0)

    for _ in range(3):
        get(cdn, photo)
    wait_until(lambda: grown("cdn_requests_total", "hit", "200") == 2)
    assert grown("cdn_requests_total", "miss", "200") == 1
    assert grown("cdn_sent_bytes_total", "hit") == 2 * len(PHOTO)
    wait_until(lambda: grown("cdn_origin_requests_total", "200") == 1)
    assert grown("cdn_origin_received_bytes_total") >= len(PHOTO)
    assert grown("cdn_origin_request_seconds_total") > 0


def test_counting_begins_anew_with_what_was_logged_before(tmp_path: Path) -> None:
    edge, origin = tmp_path / "edge", tmp_path / "origin"
    edge.write_text("1.0 HIT 200 10 0.001 /photos/1/a.jpg\n2.0 - 404 0 0.000 /a path\n3.0 HIT 2")
    origin.touch()
    requests = Requests(edge, origin)
    name = "cdn_requests_total"
    assert {key: value for key, value in values(requests()).items() if key[0] == name} == {
        (name, "hit", "200"): 1, (name, "none", "404"): 1,
    }  # fmt: skip
    with edge.open("a") as file:
        file.write("06 5 0.250 /photos/1/a.jpg\n")
    counted = values(requests())
    again = values(Requests(edge, origin)())
    assert counted[name, "hit", "206"] == again[name, "hit", "206"] == 1
    assert again["cdn_sent_bytes_total", "hit"] == 15
    assert again["cdn_request_seconds_total", "hit"] == pytest.approx(0.251)


def test_a_store_elsewhere_is_asked_by_tls_and_by_the_name_that_is_signed(tmp_path: Path) -> None:
    layout = Layout(tmp_path, tmp_path / "run", None)
    layout.make()
    store = {"LIKESTORM_S3_ENDPOINT": "https://localhost", "LIKESTORM_S3_BUCKET": "photos"}
    configuration = layout.make_folder("cdn", None) / "nginx.conf"
    configuration.write_text(list_files(free_topology(), layout, store)["nginx.conf"])
    program = binaries.locate()["nginx"]
    said = subprocess.run([program, "-t", "-c", configuration], capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stderr
    text = configuration.read_text()
    assert "proxy_pass https://store/photos$uri;" in text
    assert "server localhost:443;" in text
    assert "proxy_set_header Host localhost;" in text
    assert "proxy_ssl_verify on;" in text
