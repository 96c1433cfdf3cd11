from __future__ import annotations

import json
import os
import sys
from datetime import datetime, timezone
from pathlib import Path

import pytest

from realtime.errors import UnknownError
from realtime.session.library import ID, Library, default_folder, lock
from tests.recordings import a_minute, end, start, write

NAME, OTHER = "20260101-120000-abcd", "20260102-120000-0123"


@pytest.fixture
def library(tmp_path: Path) -> Library:
    made = Library(tmp_path / "sessions")
    write(made.new_path(NAME), a_minute(10))
    return made


def part(library: Library, name: str = OTHER) -> Path:
    return library.folder / f".{name}.part.jsonl"


def test_names_rise_with_time_and_do_not_collide() -> None:
    library = Library(Path("nowhere"))
    now = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)
    names = {library.new_id(now) for _ in range(50)}
    assert len(names) > 45
    assert all(ID.fullmatch(each) and each.startswith("20260102-030405-") for each in names)


def test_what_is_there_is_listed_newest_first(library: Library) -> None:
    write(library.new_path(OTHER), [start(OTHER), end(142.5, 0, OTHER)])
    (library.folder / "notes.txt").write_text("mine")
    write(library.folder / "other.jsonl", [start()])
    first, second = library.sessions()
    assert (first["id"], first["seconds"], first["interrupted"]) == (OTHER, 42.5, False)
    assert (second["id"], second["started"]) == (NAME, "2026-01-01T12:00:00+00:00")
    assert second["events"] == len(a_minute(10)) - 2
    assert second["bytes"] == library.path(NAME).stat().st_size
    assert Library(library.folder / "none").sessions() == []


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "../x", "..%2fx", "/etc/passwd", "notes", f"{NAME}/..", f"../sessions/{NAME}",
     f"{NAME}\n", f"{NAME}.jsonl", NAME.upper(), "20260101-120000-abcé",
     f".{NAME}.part", "x" * 10_000, f"{NAME}\0"],
)  # fmt: skip
def test_no_name_leads_out_of_the_folder(library: Library, name: str) -> None:
    (library.folder / "notes.jsonl").write_text("mine")
    (library.folder.parent / "x.jsonl").write_text("mine")
    with pytest.raises(UnknownError, match="expected one of those listed"):
        library.path(name)
    with pytest.raises(UnknownError):
        library.delete(name)
    assert library.path(NAME).is_file()


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_a_link_is_no_recording(library: Library, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("mine")
    (library.folder / f"{OTHER}.jsonl").symlink_to(secret)
    with pytest.raises(UnknownError):
        library.path(OTHER)
    assert [each["id"] for each in library.sessions()] == [NAME]


def test_deleting_says_what_went(library: Library) -> None:
    size = library.path(NAME).stat().st_size
    assert library.delete(NAME) == {"id": NAME, "deleted": [f"{NAME}.jsonl"], "bytes": size}
    assert list(library.folder.iterdir()) == []
    with pytest.raises(UnknownError):
        library.delete(NAME)


def test_what_a_killed_process_left_is_finished_and_says_interrupted(library: Library) -> None:
    lines = write(part(library), a_minute(10, OTHER)[:-2]).read_bytes()
    part(library).write_bytes(lines[:-20])  # the last line was half written
    assert library.recover() == [OTHER]
    assert library.recover() == []
    found = library.sessions()[0]
    assert (found["id"], found["interrupted"]) == (OTHER, True)
    text = library.path(OTHER).read_text().splitlines()
    events = [json.loads(each) for each in text]
    assert events[-1]["event"] == "session_end"
    assert found["events"] == len(events) - 2
    assert found["seconds"] == pytest.approx(events[-2]["t"] - 100, abs=1e-3)


def test_a_killed_start_leaves_nothing(library: Library) -> None:
    part(library).write_text('{"t": 1, "ev')
    assert library.recover() == []
    assert not part(library).exists()


@pytest.mark.skipif(sys.platform == "win32", reason="there the system itself refuses")
def test_what_another_process_writes_is_left_alone(library: Library) -> None:
    write(part(library), a_minute(10, OTHER)[:-1])
    with part(library).open("ab") as file:
        assert lock(file)
        assert library.recover() == []
        assert part(library).exists()
    assert library.recover() == [OTHER]


def test_a_file_that_others_changed_can_still_be_deleted(library: Library) -> None:
    library.path(NAME).write_text("{}\n")
    assert library.sessions()[0]["interrupted"]
    library.path(NAME).write_bytes(b"")
    assert library.sessions()[0]["bytes"] == 0
    library.delete(NAME)


def test_the_default_folder_is_the_users_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    if sys.platform in ("win32", "darwin"):
        assert default_folder().parts[-2:] == ("ifdd-live", "sessions")
        return
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert default_folder() == tmp_path / "ifdd-live" / "sessions"
    for unset in ("", "relative"):
        monkeypatch.setenv("XDG_DATA_HOME", unset)
        assert default_folder() == Path.home() / ".local" / "share" / "ifdd-live" / "sessions"


def test_the_folder_is_for_this_user_alone(library: Library) -> None:
    if os.name == "posix":
        assert library.folder.stat().st_mode & 0o077 == 0
