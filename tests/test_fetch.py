"""`corpora.fetch` against a server that breaks, truncates and lies; and the pinned sources of `conf/`."""

import fcntl
import hashlib
import io
import os
import signal
import stat
import subprocess
import sys
import threading
import time
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from datatuner.composing import CONF, choices, compose
from datatuner.corpora.downloading import ATTEMPTS, Network
from datatuner.corpora.fetch import PinnedSource, fetch, read_checksums
from datatuner.corpora.unpacking import DamagedArchiveError, HostileArchiveError, unpack
from datatuner.errors import ConfigError, FetchError, OutputError
from tests import http_server as http

FIXTURES = Path(__file__).parent / "fixtures"
NAME = "viggo-train.csv"
CONTENT = (FIXTURES / "viggo" / NAME).read_bytes()
SHA256 = hashlib.sha256(CONTENT).hexdigest()
ROOT = "webnlg-12ca348"
MEMBERS = {
    path.relative_to(FIXTURES / "webnlg").as_posix(): path.read_bytes()
    for path in sorted((FIXTURES / "webnlg").rglob("*.xml"))
}


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@pytest.fixture
def server():
    """Has the ViGGO fixture's training file as train.csv."""
    with http.served() as state:
        state.files["/pinned/train.csv"] = CONTENT
        yield state


def pinned(server: http.Server, **checksums: str) -> PinnedSource:
    return PinnedSource(server.url, checksums or {NAME: SHA256}, {NAME: "train.csv"})


def impatient(said: list[str] | None = None, **changes: object) -> Network:
    say = (lambda _: None) if said is None else said.append
    return Network(**{"timeout": 0.5, "pause": 0.001, "say": say, **changes})  # type: ignore[arg-type]


def files_in(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


# One file


def test_a_file_is_fetched_under_its_own_name(server, tmp_path):
    said: list[str] = []
    assert fetch(pinned(server), tmp_path / "viggo", network=impatient(said)) == 1
    assert (tmp_path / "viggo" / NAME).read_bytes() == CONTENT
    assert files_in(tmp_path) == [f"viggo/{NAME}"]
    assert server.asked == [("/pinned/train.csv", None, None)]
    assert said == [f"fetched: {tmp_path / 'viggo' / NAME}"]


def test_a_file_that_is_there_is_not_asked_for(server, tmp_path):
    (tmp_path / NAME).write_bytes(CONTENT)
    assert fetch(pinned(server), tmp_path, network=impatient()) == 0
    assert server.asked == []


def test_another_file_in_its_place_is_kept_unless_forced(server, tmp_path):
    (tmp_path / NAME).write_bytes(b"my own")
    with pytest.raises(FetchError, match=r"viggo-train\.csv is there, but is not the pinned file.*--force"):
        fetch(pinned(server), tmp_path, network=impatient())
    assert ((tmp_path / NAME).read_bytes(), server.asked) == (b"my own", [])
    assert fetch(pinned(server), tmp_path, force=True, network=impatient()) == 1
    assert (tmp_path / NAME).read_bytes() == CONTENT


def test_a_forced_file_stays_until_the_new_one_is_whole(server, tmp_path):
    (tmp_path / NAME).write_bytes(b"my own")
    server.script.extend([http.breaks(10, ranges=False)] * 100)
    with pytest.raises(FetchError, match="the connection broke after 10 of"):
        fetch(pinned(server), tmp_path, force=True, network=impatient())
    assert (tmp_path / NAME).read_bytes() == b"my own"


def test_a_broken_connection_is_resumed_where_it_broke(server, tmp_path):
    server.script.extend([http.breaks(100), http.breaks(50), http.breaks(0)])
    assert fetch(pinned(server), tmp_path, network=impatient()) == 1
    assert (tmp_path / NAME).read_bytes() == CONTENT
    assert server.ranges() == [None, "bytes=100-", "bytes=150-", "bytes=150-"]
    assert [condition for _, _, condition in server.asked] == [None, '"1"', '"1"', '"1"']


def test_bytes_that_come_are_worth_any_number_of_attempts(server, tmp_path):
    server.script.extend([http.breaks(20)] * (ATTEMPTS * 3))
    assert fetch(pinned(server), tmp_path, network=impatient()) == 1
    assert len(server.asked) == ATTEMPTS * 3 + 1


@pytest.mark.parametrize(
    "behaviour",
    [
        http.breaks(100, ranges=False),
        http.breaks(100, etag=None),
        http.breaks(100, etag='W/"1"'),
        http.breaks(100, etag='"older"'),
        http.ends_early(100),
        http.ends_early(100, ranges=False),
        http.breaks_chunked(3),
        http.chunked,
        http.bad_chunk_sizes,
        http.without_ranges,
        http.instead(b"<html>Please log in</html>"),
        http.instead(b""),
        http.instead(CONTENT[::-1]),
        http.announces(len(CONTENT) + 100),
        http.announces(len(CONTENT) - 100),
        http.hangs(100),
        http.no_http,
        http.says_nothing,
        http.status(500),
        http.status(503),
        http.status(429),
        http.status(206),
        http.other_range,
        http.redirects("/pinned/train.csv"),
    ],
)
def test_one_bad_answer_is_got_over(server, tmp_path, behaviour):
    server.script.append(behaviour)
    assert fetch(pinned(server), tmp_path, network=impatient()) == 1
    assert files_in(tmp_path) == [NAME]
    assert (tmp_path / NAME).read_bytes() == CONTENT


@pytest.mark.parametrize(
    "behaviour",
    [
        http.without_ranges,
        http.other_range,
        http.range_of_another_file,
        http.status(416),
        http.status(416, Content_Range="bytes */5"),
        http.status(206),
        http.hangs(0),
    ],
)
def test_one_bad_answer_to_a_resumption_is_got_over(server, tmp_path, behaviour):
    server.script.extend([http.breaks(100), behaviour])
    assert fetch(pinned(server), tmp_path, network=impatient()) == 1
    assert (tmp_path / NAME).read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("behaviour", "reason", "requests"),
    [
        (http.status(500), "the server answers 500", ATTEMPTS),
        (http.says_nothing, "the connection broke", ATTEMPTS),
        (http.no_http, "the connection broke", ATTEMPTS),
        (http.hangs(0), "the connection broke", ATTEMPTS),
        (http.breaks(0), "the connection broke after 0 of", ATTEMPTS),
        (http.ends_early(0), "the connection ended early", ATTEMPTS),
        (http.breaks(60, ranges=False), "the connection broke after 60 of", ATTEMPTS),
        (http.instead(CONTENT + b"\n"), "what came is not what is pinned", 2),
        (http.instead(CONTENT[:-1]), "what came is not what is pinned", 2),
        (http.announces(len(CONTENT) - 1), "what came is not what is pinned", 2),
        (http.status(404), "the server answers 404", 1),
        (http.status(403), "the server answers 403", 1),
        (http.redirects("/pinned/nowhere.csv"), "the server answers 302", 5),  # urllib goes to one place four times
        (http.redirects("file:///etc/passwd"), "the server answers 302", 1),
    ],
)
def test_a_source_that_stays_bad_is_given_up(server, tmp_path, behaviour, reason, requests):
    server.script.extend([behaviour] * 100)
    with pytest.raises(FetchError, match=rf"^{server.url}train\.csv: {reason}") as refused:
        fetch(pinned(server), tmp_path, network=impatient(timeout=0.1))
    assert "\n" not in str(refused.value)
    assert NAME not in files_in(tmp_path)
    assert len(server.asked) == requests


def test_the_pinned_and_the_found_checksum_are_named(server, tmp_path):
    server.files["/pinned/train.csv"] = b"other"
    with pytest.raises(FetchError, match=f"sha256 is {hashlib.sha256(b'other').hexdigest()}, expected {SHA256}"):
        fetch(pinned(server), tmp_path, network=impatient())
    assert files_in(tmp_path) == []


def test_nothing_listens_there(tmp_path):
    with http.served() as gone:
        pass
    with pytest.raises(FetchError, match=rf"{gone.url}train\.csv: cannot be reached .*{ATTEMPTS} attempts"):
        fetch(pinned(gone), tmp_path, network=impatient())


@pytest.mark.parametrize("length", [None, 10**12])
def test_more_than_a_corpus_has_is_refused(server, tmp_path, length):
    server.script.append(http.chunked if length is None else http.announces(length))
    with pytest.raises(FetchError, match="has more than 100 bytes"):
        fetch(pinned(server), tmp_path, network=impatient(limit=100))
    assert NAME not in files_in(tmp_path)


@pytest.mark.parametrize("url", ["file:///etc/", "ftp://example.org/", "viggo/", "http://", ""])
def test_only_web_addresses_are_taken(tmp_path, url):
    with pytest.raises(FetchError, match="is no http or https address"):
        fetch(PinnedSource(url, {NAME: SHA256}), tmp_path)


def test_a_mirror_needs_no_closing_slash_and_names_are_quoted(server, tmp_path):
    server.files["/pinned/a%20%23%201.csv"] = CONTENT
    source = PinnedSource(server.url.rstrip("/"), {"a # 1.csv": SHA256})
    assert fetch(source, tmp_path, network=impatient()) == 1


def test_several_files_keep_what_came_before_the_failure(server, tmp_path):
    source = pinned(server, **{NAME: SHA256, "viggo-test.csv": SHA256})
    with pytest.raises(FetchError, match=r"viggo-test\.csv: the server answers 404"):
        fetch(source, tmp_path, network=impatient())
    assert files_in(tmp_path) == [NAME]
    server.files["/pinned/viggo-test.csv"] = CONTENT
    assert fetch(source, tmp_path, network=impatient()) == 1


def test_progress_counts_bytes(server, tmp_path):
    seen: list[tuple[str, int, int | None]] = []
    server.script.append(http.breaks(100))
    fetch(pinned(server), tmp_path, network=impatient(progress=lambda *now: seen.append(now)))
    assert seen[0] == (NAME, 100, len(CONTENT))
    assert seen[-1] == (NAME, len(CONTENT), len(CONTENT))
    assert [done for _, done, _ in seen] == sorted({done for _, done, _ in seen})


def test_a_folder_that_cannot_be_written(server, tmp_path):
    (tmp_path / "viggo").write_bytes(b"a file where the folder should be")
    with pytest.raises(OutputError, match=r"cannot write to .*viggo: File exists.*--data-dir"):
        fetch(pinned(server), tmp_path / "viggo", network=impatient())


def test_a_second_process_waits(server, tmp_path):
    said: list[str] = []
    handle = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    second = threading.Thread(target=fetch, args=(pinned(server), tmp_path), kwargs={"network": impatient(said)})
    second.start()
    while not said:
        time.sleep(0.01)
    assert (said, server.asked) == ([f"waiting: another process fetches into {tmp_path}"], [])
    os.close(handle)
    second.join(timeout=20)
    assert (tmp_path / NAME).read_bytes() == CONTENT


BAD = st.one_of(
    st.builds(http.breaks, st.integers(0, 400), ranges=st.booleans(), etag=st.sampled_from([None, '"1"', '"2"'])),
    st.builds(http.ends_early, st.integers(0, 400), ranges=st.booleans()),
    st.builds(http.breaks_chunked, st.integers(0, 4)),
    st.builds(http.instead, st.binary(max_size=300)),
    st.builds(http.announces, st.integers(0, 2 * len(CONTENT))),
    st.builds(http.status, st.sampled_from([200, 206, 404, 416, 500])),
    st.sampled_from([http.other_range, http.range_of_another_file, http.no_http, http.without_ranges]),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(script=st.lists(BAD, max_size=6))
def test_whatever_the_server_does_the_name_means_the_content(server, tmp_path_factory, script):
    folder = tmp_path_factory.mktemp("fuzz")
    server.script.extend(script)
    try:
        fetch(pinned(server), folder, network=impatient())
    except FetchError:
        assert NAME not in files_in(folder)
    else:
        assert files_in(folder) == [NAME]
    server.script.clear()
    fetch(pinned(server), folder, network=impatient())  # over whatever was left there
    assert (folder / NAME).read_bytes() == CONTENT


# Archives


def zipped(members: dict[str, bytes], *extra: tuple[zipfile.ZipInfo | str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(f"{ROOT}/{name}", content)
        for info, content in extra:
            archive.writestr(info, content)
    return buffer.getvalue()


def special(name: str, kind: int) -> zipfile.ZipInfo:
    """A member that is a link, a device, …"""
    info = zipfile.ZipInfo(name)
    info.create_system, info.external_attr = 3, (kind | 0o644) << 16
    return info


@pytest.fixture
def webnlg(server):
    """Serves the WebNLG fixture as the archive of a commit, beside much else, and returns where it is pinned."""
    server.files["/pinned/12ca348.zip"] = zipped({**MEMBERS, "README.md": b"read me"})
    checksums = {name: hashlib.sha256(content).hexdigest() for name, content in MEMBERS.items()}
    return PinnedSource(server.url, checksums, archive="12ca348.zip", root=ROOT)


def test_an_archives_members_are_fetched_and_nothing_else(webnlg, tmp_path):
    assert fetch(webnlg, tmp_path, network=impatient()) == len(MEMBERS)
    assert {name: (tmp_path / name).read_bytes() for name in files_in(tmp_path)} == MEMBERS


def test_members_that_are_there_stay(webnlg, tmp_path):
    fetch(webnlg, tmp_path, network=impatient())
    first, *others = MEMBERS
    (tmp_path / first).unlink()
    before = {name: (tmp_path / name).stat().st_ino for name in others}
    assert fetch(webnlg, tmp_path, network=impatient()) == 1
    assert {name: (tmp_path / name).stat().st_ino for name in others} == before
    assert sorted(files_in(tmp_path)) == sorted(MEMBERS)


@pytest.mark.parametrize(
    "behaviour",
    [
        http.breaks(500),
        http.breaks(500, ranges=False),
        http.ends_early(500),
        http.breaks_chunked(5),
        http.instead(b"<html>"),
        http.instead(zipped({})),
        http.instead(zipped(dict.fromkeys(MEMBERS, b"other"))),
    ],
)
def test_an_archive_survives_a_bad_answer(server, webnlg, tmp_path, behaviour):
    server.script.append(behaviour)
    fetch(webnlg, tmp_path, network=impatient())
    assert {name: (tmp_path / name).read_bytes() for name in files_in(tmp_path)} == MEMBERS


@pytest.mark.parametrize(
    ("archive", "reason"),
    [
        (zipped(dict(list(MEMBERS.items())[:-1])), "the archive has no file"),
        (zipped({**MEMBERS, next(iter(MEMBERS)): b"other"}), r"1triples/Food\.xml: its sha256 is \w+, expected \w+"),
        (zipped(MEMBERS)[:-30], "no whole zip archive"),
        (b"PK\5\6" + b"\0" * 18, "the archive has no file"),
        (b"", "no whole zip archive"),
    ],
)
def test_a_wrong_archive_leaves_nothing(server, webnlg, tmp_path, archive, reason):
    server.files["/pinned/12ca348.zip"] = archive
    with pytest.raises(FetchError, match=f"what came is not what is pinned \\(.*{reason}"):
        fetch(webnlg, tmp_path, network=impatient())
    assert files_in(tmp_path) == []


@pytest.mark.parametrize(
    ("member", "content"),
    [
        ("../evil.xml", b""),
        (f"{ROOT}/../../evil.xml", b""),
        (f"{ROOT}/data/../../../evil.xml", b""),
        ("/etc/evil.xml", b""),
        ("..\\evil.xml", b""),
        ("C:\\evil.xml", b""),
        ("..", b""),
        (special(f"{ROOT}/link", stat.S_IFLNK), b"../../evil"),
        (special(f"{ROOT}/link", stat.S_IFLNK), b"/etc/passwd"),
        (special(f"{ROOT}/link", stat.S_IFLNK), b"data/../../../evil"),
        (special(f"{ROOT}/link", stat.S_IFLNK), b"x" * 100_000),
        (special(f"{ROOT}/device", stat.S_IFCHR), b""),
        (special(f"{ROOT}/disk", stat.S_IFBLK), b""),
        (special(f"{ROOT}/pipe", stat.S_IFIFO), b""),
        (special(f"{ROOT}/socket", stat.S_IFSOCK), b""),
    ],
)
def test_an_archive_with_a_member_that_leaves_the_folder_is_refused(server, webnlg, tmp_path, member, content):
    server.files["/pinned/12ca348.zip"] = zipped(MEMBERS, (member, content))
    with pytest.raises(
        FetchError, match=r"the archive's member .* (leaves the folder|is a device).*Nothing was unpacked"
    ):
        fetch(webnlg, tmp_path / "webnlg", network=impatient())
    assert files_in(tmp_path) == []
    assert len(server.asked) == 1


def test_a_link_inside_the_folder_is_no_harm_and_no_file(server, webnlg, tmp_path):
    name = next(iter(MEMBERS))
    inside = special(f"{ROOT}/latest", stat.S_IFLNK)
    server.files["/pinned/12ca348.zip"] = zipped(MEMBERS, (inside, b"data/v1.4"))
    assert fetch(webnlg, tmp_path / "one", network=impatient()) == len(MEMBERS)
    linked = special(f"{ROOT}/{name}", stat.S_IFLNK)
    others = {other: content for other, content in MEMBERS.items() if other != name}
    server.files["/pinned/12ca348.zip"] = zipped(others, (linked, b"Airport.xml"))
    with pytest.raises(FetchError, match="the archive has no file"):
        fetch(webnlg, tmp_path / "two", network=impatient())


def says(size: int) -> bytes:
    """An archive whose directory gives this size for `a.xml`, which unpacks to 10 MB of zeros."""
    content = bytearray(zipped({}, ("a.xml", bytes(10_000_000))))
    place = content.rindex(b"PK\1\2") + 24  # the unpacked size in the directory at the end
    content[place : place + 4] = size.to_bytes(4, "little")
    return bytes(content)


def test_a_bomb_is_refused_by_its_announced_size(tmp_path):
    (tmp_path / "bomb.zip").write_bytes(says(1_610_612_736))
    with pytest.raises(HostileArchiveError, match="would take 1,610,612,736 bytes"):
        unpack(tmp_path / "bomb.zip", {"a.xml": tmp_path / "a.xml"})
    assert not (tmp_path / "a.xml").exists()


def test_a_member_never_takes_more_than_it_announces(tmp_path):
    (tmp_path / "lying.zip").write_bytes(says(10))
    with pytest.raises(DamagedArchiveError, match="damaged: Bad CRC-32"):
        unpack(tmp_path / "lying.zip", {"a.xml": tmp_path / "a.xml"})
    assert (tmp_path / "a.xml").stat().st_size <= 10


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300, deadline=None)
@given(data=st.data())
def test_a_damaged_archive_raises_our_errors_only(tmp_path, data):
    content = bytearray(zipped(MEMBERS))
    for _ in range(data.draw(st.integers(1, 6))):
        place = data.draw(st.integers(0, len(content) - 1) | st.integers(len(content) - 700, len(content) - 1))
        content[place] = data.draw(st.integers(0, 255))
    end = data.draw(st.just(len(content)) | st.integers(0, len(content)))
    path = tmp_path / "damaged.zip"
    path.write_bytes(content[:end])
    try:
        unpack(path, {f"{ROOT}/{name}": tmp_path / "unpacked" / name for name in MEMBERS})
    except (DamagedArchiveError, HostileArchiveError):
        return
    assert sorted(files_in(tmp_path / "unpacked")) == sorted(MEMBERS)


# The command, as a process of its own


def test_the_command_refuses_what_is_not_pinned(datatuner, server, tmp_path):
    """The fixtures have the names of the real files, and not their checksums."""
    server.files |= {f"/pinned/{split}.csv": CONTENT for split in ("train", "valid", "test")}
    refused = datatuner("data", "fetch", "viggo", "--data-dir", tmp_path, "--source", server.url)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr.splitlines()[-1].startswith(f"datatuner: error: {server.url}test.csv: what came is not")
    assert files_in(tmp_path) == []


REAL = Path(os.environ.get("DATATUNER_DATA", "nowhere"))


def test_the_command_takes_the_pinned_files(datatuner, server, tmp_path):
    """The real files, from this machine's server: they have the checksums in conf/, and the reader's names."""
    if not (REAL / "viggo").is_dir():
        pytest.skip("no viggo under DATATUNER_DATA")
    names = compose("viggo", "tiny").corpus.source.names or {}
    server.files = {f"/pinned/{theirs}": (REAL / "viggo" / ours).read_bytes() for ours, theirs in names.items()}
    server.script.append(http.breaks(200_000))
    fetched = datatuner("data", "fetch", "viggo", "--folder", tmp_path, "--source", server.url)
    assert fetched.returncode == 0, fetched.stderr
    assert fetched.stdout.splitlines() == [
        "viggo: 3 files fetched, 0 were there; all have the pinned sha256",
        "licence: CC BY-SA 4.0",
        "train:      1,675 examples, 5,103 references",
        "validation: 238 examples, 714 references",
        "test:       359 examples, 1,083 references",
    ]
    assert "the connection broke after 200,000 of" in fetched.stderr
    assert server.ranges() == [None, "bytes=200000-", None, None]


def test_an_own_corpus_is_fetched_and_counted(datatuner, server, tmp_path):
    content = (FIXTURES / "jsonl" / "train.jsonl").read_bytes()
    splits = ("train", "validation", "test")
    server.files = {f"/pinned/{split}.jsonl": content for split in splits}
    conf = tmp_path / "conf" / "corpus"
    conf.mkdir(parents=True)
    (conf / "books.yaml").write_text(
        "name: books\nreader:\n  _target_: datatuner.corpora.jsonl.JsonlReader\n"
        f"source:\n  url: {server.url}\n  checksums: books.sha256\n"
    )
    checksum = hashlib.sha256(content).hexdigest()
    (conf / "books.sha256").write_text("".join(f"{checksum}  {split}.jsonl\n" for split in splits))
    options = ("--config-dir", tmp_path / "conf", "--data-dir", tmp_path / "data")
    fetched = datatuner("data", "fetch", "books", *options)
    assert fetched.returncode == 0, fetched.stderr
    assert fetched.stdout.splitlines() == [
        "books: 3 files fetched, 0 were there; all have the pinned sha256",
        *(f"{split + ':':<11} 12 examples, 15 references" for split in splits),
    ]


def test_a_killed_fetch_leaves_no_half_file_and_is_gone_on_with(server, tmp_path):
    code = (
        "import sys; from pathlib import Path; from datatuner.corpora.fetch import *;"
        f"fetch(PinnedSource({server.url!r}, {{{NAME!r}: {SHA256!r}}}, {{{NAME!r}: 'train.csv'}}), Path(sys.argv[1]))"
    )
    server.script.append(http.hangs(150))
    process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)])
    part = tmp_path / f"{NAME}.part"
    deadline = time.monotonic() + 60
    while not (part.exists() and part.stat().st_size) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert NAME not in files_in(tmp_path)
    assert part.read_bytes() == CONTENT[:150]
    assert fetch(pinned(server), tmp_path, network=impatient()) == 1
    assert server.ranges() == [None, "bytes=150-"]
    assert files_in(tmp_path) == [NAME]


def test_a_whole_part_needs_no_network(tmp_path):
    """Killed between the last byte and the renaming."""
    (tmp_path / f"{NAME}.part").write_bytes(CONTENT)
    source = PinnedSource("http://127.0.0.1:9/", {NAME: SHA256})
    assert fetch(source, tmp_path, network=impatient()) == 1
    assert files_in(tmp_path) == [NAME]


def test_what_is_sold_is_said(datatuner, tmp_path):
    refused = datatuner("data", "fetch", "ldc2017t10", "--data-dir", tmp_path)
    assert (refused.returncode, refused.stdout) == (2, "")
    (line,) = refused.stderr.splitlines()
    assert 'Buy LDC2017T10, "Abstract Meaning Representation (AMR) Annotation Release 2.0"' in line
    assert f"{tmp_path}/ldc2017t10/data/amrs/split/{{training,dev,test}}/*.txt" in line


def test_the_embedded_corpus_needs_nothing(datatuner):
    shown = datatuner("data", "fetch", "demo")
    assert (shown.returncode, shown.stdout) == (0, "demo is embedded: there is nothing to fetch.\n")


def test_fetching_loads_no_model_library(server, tmp_path):
    (tmp_path / "folder").mkdir()
    code = (
        "import sys; from datatuner.commands import data; sys.argv[1:] = "
        f"['fetch', 'viggo', '--folder', {str(tmp_path / 'folder')!r}, '--source', {server.url!r}]\n"
        "try: data.main()\nexcept SystemExit: pass\n"
        "print(sorted({'torch', 'transformers', 'tokenizers', 'pytorch_lightning'} & set(sys.modules)))"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    assert shown.stdout.splitlines()[-1] == "[]"


# The pinned sources


@pytest.mark.parametrize("name", choices("corpus"))
def test_a_source_is_pinned_to_a_commit_and_checksums(name):
    source = compose(name, "tiny").corpus.source
    if source.url is None:
        assert source.purchase or name not in ("webnlg", "e2e", "viggo")  # the corpora of the paper
        return
    assert source.licence
    checksums = read_checksums(CONF / "corpus" / str(source.checksums))
    assert set(source.names or {}) <= set(checksums)
    where = f"{source.url}{source.archive or ''}"
    assert any(len(part.removesuffix(".zip")) == 40 for part in where.split("/")), f"{where} names no commit"
    if (REAL / name).is_dir():
        folder = REAL / name
        assert {file: hashlib.sha256((folder / file).read_bytes()).hexdigest() for file in checksums} == checksums


@pytest.mark.parametrize(
    "line",
    ["", f"{SHA256}", f"{SHA256[:-1]}  a", f"{SHA256.upper()}  a", f"{SHA256}  /etc/a", f"{SHA256}  b/../../a", "x  a"],
)
def test_checksums_that_are_none_are_refused(tmp_path, line):
    path = tmp_path / "x.sha256"
    path.write_text(f"{SHA256}  data/a.csv\n{line}\n")
    with pytest.raises(ConfigError, match=r"x\.sha256:2: expected 'SHA256  PATH'"):
        read_checksums(path)


def test_checksums_are_as_sha256sum_writes_them(tmp_path):
    (tmp_path / "a.csv").write_bytes(CONTENT)
    written = subprocess.run(["sha256sum", "./a.csv"], cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    (tmp_path / "x.sha256").write_text(written)
    assert read_checksums(tmp_path / "x.sha256") == {"a.csv": SHA256}
    with pytest.raises(ConfigError, match="cannot be read"):
        read_checksums(tmp_path / "y.sha256")
