import re
from collections import Counter
from pathlib import Path
from threading import Thread

import pytest

from compose.errors import StackError, UsageError
from compose.haproxy.runtime import Balancer
from compose.local import rolling_restart
from compose.local.rolling_restart import Rolling
from compose.topology import TOPOLOGIES, parse
from tests.compose.front.fronts import Front, fetch
from tests.compose.front.load import load


@pytest.mark.timed
def test_everything_is_swapped_under_load_without_a_failed_request(web: Front) -> None:
    names = (*web.topology.app_instances, *web.topology.nginx_instances)
    before = {name: web.running[name].pid for name in names}
    steps: list[str] = []
    web.written.write_text("")
    with load(web.topology.ports["front"]) as result:
        Rolling(web.topology, web.layout.run, web.replace, steps.append).run()
    assert steps == [f"{name} is out, restarting it" for name in names]
    assert all(web.running[name].pid != pid for name, pid in before.items())
    assert result.failures == []
    assert result.reads > 100
    # Each write was carried out, and once.
    assert Counter(web.written.read_text().splitlines()) == Counter(result.written)
    assert len(result.written) > 100
    assert all(
        server.is_healthy and not server.is_drained for server in Balancer(web.layout.run / "front").servers().values()
    )


def test_a_request_in_flight_is_waited_for(web: Front) -> None:
    statuses: list[int] = []
    slow = [Thread(target=lambda: statuses.append(fetch(f"{web.url}/slow?s=1.5").status)) for _ in range(8)]
    for thread in slow:
        thread.start()
    Rolling(web.topology, web.layout.run, web.replace, lambda _step: None).run()
    for thread in slow:
        thread.join()
    assert statuses == [200] * 8


def test_an_app_server_that_does_not_come_back_stays_out(web: Front, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rolling_restart, "READY_TIMEOUT_S", 0.5)
    with load(web.topology.ports["front"], clients=2) as result:
        with pytest.raises(StackError, match=r"^app-1 is not ready after 0\.5 s \(.*refused"):
            Rolling(web.topology, web.layout.run, web.stop, lambda _step: None).run()
    assert result.failures == []
    for name in web.topology.nginx_instances:
        assert re.findall(r":(\d+) .* down;", (web.layout.folder(name) / "apps.conf").read_text()) == [
            str(web.topology.ports["app-1"])
        ]
    monkeypatch.undo()
    web.start("app-1")
    Rolling(web.topology, web.layout.run, web.replace, lambda _step: None).run()
    assert "down" not in (web.layout.folder("nginx-1") / "apps.conf").read_text()


def test_a_second_one_at_the_same_time_is_refused(web: Front) -> None:
    def start_another(_name: str) -> None:
        Rolling(web.topology, web.layout.run, web.replace, lambda _step: None).run()

    with pytest.raises(UsageError, match="a rolling restart is under way already"):
        Rolling(web.topology, web.layout.run, start_another, lambda _step: None).run()
    Rolling(web.topology, web.layout.run, web.replace, lambda _step: None).run()


@pytest.mark.parametrize("lone", ["app", "nginx"])
def test_where_nobody_serves_meanwhile_it_is_refused(lone: str, tmp_path: Path) -> None:
    text = (TOPOLOGIES / "small.toml").read_text()
    topology = parse(re.sub(rf"(?m)^{lone} = \d+", f"{lone} = 1", text), "lone.toml")
    with pytest.raises(UsageError, match="needs at least 2 app servers and 2 nginx"):
        Rolling(topology, tmp_path, lambda _name: None, lambda _step: None).run()
