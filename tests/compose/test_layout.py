import os
from pathlib import Path

import pytest

from compose import layout
from compose.errors import StackError
from compose.layout import Layout

root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root starts servers as somebody else")


@root_only
def test_the_servers_files_lie_in_the_state_directory_where_their_user_gets_in(state: Path) -> None:
    assert layout.choose(state, "disk") == Layout(state, state / "run", "postgres")


@root_only
def test_they_lie_elsewhere_when_the_state_directory_is_closed_to_their_user(state: Path) -> None:
    state.chmod(0o700)
    chosen = layout.choose(state / "clone" / ".stack", "disk")
    assert chosen.run.parent.parent == Path("/var/tmp")
    assert chosen.logs == state / "clone" / ".stack" / "logs"
    chosen.make()
    assert chosen.run.is_dir()
    chosen.clear()
    assert not chosen.run.parent.exists()


@root_only
def test_a_folder_of_somebody_else_is_not_used(state: Path) -> None:
    foreign = state / "foreign"
    foreign.mkdir()
    os.chown(foreign, 12345, 12345)
    with pytest.raises(StackError, match="belongs to another user"):
        Layout(state / "stack", foreign / "run", None).make()


def test_data_is_in_memory_where_it_has_room(state: Path) -> None:
    chosen = layout.choose(state, None)
    assert chosen.storage == "memory"
    chosen.make()
    chosen.objects.mkdir()
    assert layout.find(state) == chosen
    assert chosen.run.parent.stat().st_mode & 0o777 == 0o711
    assert chosen.objects == state / "run" / "objects"
    chosen.clear()
    assert not chosen.run.parent.exists()
    assert list(state.iterdir()) == [chosen.logs]
    assert layout.find(state).storage == "disk"


def test_data_for_which_nobody_waits_is_on_disk_and_found_there(state: Path) -> None:
    chosen = layout.choose(state, "unsynced")
    chosen.make()
    assert layout.MEMORY not in chosen.run.parents
    assert layout.find(state) == chosen
    assert layout.find(state).storage == "unsynced"
    chosen.clear()
    assert list(state.iterdir()) == [chosen.logs]


def test_photos_are_on_disk_either_way(state: Path) -> None:
    on_disk = layout.choose(state, "disk")
    assert on_disk.objects == on_disk.folder("store") / "objects"
    assert layout.MEMORY not in layout.choose(state, "memory").objects.parents


def test_data_is_on_disk_where_memory_has_no_room(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layout, "ROOM_BYTES", 1 << 60)
    assert layout.choose(state, None).storage == "disk"
    with pytest.raises(StackError, match="disk and unsynced need none"):
        layout.choose(state, "memory")


def test_clearing_leaves_the_logs_and_nothing_else(tmp_path: Path) -> None:
    made = Layout(tmp_path, tmp_path / "run", None)
    made.make()
    made.make_folder("redis", None)
    made.record.touch()
    made.log("redis").write_text("ready")
    made.clear()
    assert [entry.name for entry in tmp_path.iterdir()] == ["logs"]
    assert made.log("redis").read_text() == "ready"


def test_a_new_stack_begins_with_empty_logs(tmp_path: Path) -> None:
    made = Layout(tmp_path, tmp_path / "run", None)
    made.make()
    made.log("redis").write_text("from the last one")
    made.make()
    assert list(made.logs.iterdir()) == []


def test_a_part_s_folder_is_its_own(tmp_path: Path) -> None:
    made = Layout(tmp_path, tmp_path / "run", None)
    made.make()
    assert made.make_folder("redis", None).stat().st_mode & 0o777 == 0o700
