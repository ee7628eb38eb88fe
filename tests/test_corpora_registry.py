"""`corpora.read` and `corpora.files`: names, splits, folders, and what may ever leave them."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from datatuner import corpora
from datatuner.errors import CorpusFormatError, CorpusNotFoundError, DataTunerError

FIXTURES = Path(__file__).parent / "fixtures"
FILES = [name for name in corpora.NAMES if name != "demo"]


@pytest.mark.parametrize("split", corpora.SPLITS)
@pytest.mark.parametrize("name", FILES)
def test_every_fixture_split_is_a_sequence_of_examples(name, split):
    corpus = corpora.read(name, FIXTURES / name, split)
    assert corpus.counts["examples"] == len(corpus) == len(list(corpus)) > 0
    assert corpus.counts["references"] == sum(len(example.references) for example in corpus)
    assert corpus.counts["skipped"] == 0
    assert corpus.skipped == ()
    assert corpus[0].split == split
    assert corpus[:1] == (corpus[0],)
    assert len({example.id for example in corpus}) == len(corpus)


def test_demo_needs_no_folder_and_has_no_files():
    corpus = corpora.read("demo", None, "test")
    assert corpora.files("demo", None, "test") == ()
    assert corpus.counts["rows"] == corpus.counts["examples"] == len(corpus) > 0


def test_files_are_in_reading_order():
    folder = FIXTURES / "webnlg/data/v1.4/en/train"
    names = [path.relative_to(folder).as_posix() for path in corpora.files("webnlg", FIXTURES / "webnlg", "train")]
    assert names == ["1triples/Airport.xml", "1triples/Food.xml", "2triples/Airport.xml"]
    names = [path.name for path in corpora.files("ldc2017t10", FIXTURES / "ldc2017t10", "train")]
    assert names == ["amr-fens-training-a.txt", "amr-fens-training-b.txt"]


def test_unknown_corpus_names_the_close_one():
    with pytest.raises(
        CorpusNotFoundError, match=r"No corpus 'vigo'\. Did you mean viggo\? There are: webnlg, .* e2e,"
    ):
        corpora.read("vigo", None, "train")
    with pytest.raises(CorpusNotFoundError, match=r"No corpus 'webnlg_v3'\. Did you mean webnlg_v3_\w\w or "):
        corpora.read("webnlg_v3", None, "train")
    with pytest.raises(CorpusNotFoundError, match=r"No corpus 'xyz'\. There are:"):
        corpora.files("xyz", None, "train")


@pytest.mark.parametrize("name", [*FILES, "demo"])
def test_unknown_split_lists_the_three(name):
    with pytest.raises(CorpusNotFoundError, match=r"No split 'dev' of .*train, validation, test"):
        corpora.read(name, FIXTURES / name, "dev")


@pytest.mark.parametrize("name", FILES)
def test_missing_folder_names_layout_and_way_out(name, tmp_path):
    for folder, found in [(None, "needs a folder"), (tmp_path / "nowhere", "nowhere: no such folder")]:
        with pytest.raises(CorpusNotFoundError) as caught:
            corpora.read(name, folder, "train")
        for part in [found, "Expected layout: ", "corpus.folder=FOLDER", "data_dir="]:
            assert part in str(caught.value)


@pytest.mark.parametrize("name", FILES)
def test_missing_files_name_the_folder(name, tmp_path):
    with pytest.raises(CorpusNotFoundError, match=r"Corpus \w+ lacks .* in /.*Expected layout"):
        corpora.read(name, tmp_path, "validation")


def test_webnlg_test_needs_the_training_files(tmp_path):
    test = tmp_path / "data/v1.4/en/test/1triples"
    test.mkdir(parents=True)
    (test / "Food.xml").write_bytes(corpora.files("webnlg", FIXTURES / "webnlg", "test")[1].read_bytes())
    with pytest.raises(CorpusNotFoundError, match="lacks files of split train"):
        corpora.read("webnlg", tmp_path, "test")


@dataclass(frozen=True)
class Damaged:
    """A copy of one validation file of a corpus, alone in its folder, to be overwritten."""

    name: str
    folder: Path
    path: Path
    original: bytes

    def read(self, content: bytes, on_error: corpora.OnError = "raise") -> corpora.Corpus:
        self.path.write_bytes(content)
        return corpora.read(self.name, self.folder, "validation", on_error=on_error)


@pytest.fixture(params=FILES)
def damaged(request, tmp_path):
    original = corpora.files(request.param, FIXTURES / request.param, "validation")[0]
    path = tmp_path / original.relative_to(FIXTURES / request.param)
    path.parent.mkdir(parents=True, exist_ok=True)
    return Damaged(request.param, tmp_path, path, original.read_bytes())


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b" \n\n",
        b"\xef\xbb\xbf\n",
        b"# ::id a\xff\xfe\nmr,ref\n",
        "mr,ref\nname[Fen],Fen.\n".encode("utf-16"),
        b"mr,ref\n\0inform(name[Fen]),Fen.\n\n# ::id a\0\n# ::snt b\n(a / b)\n",
    ],
    ids=["empty", "blank", "byte order mark", "not UTF-8", "UTF-16", "NUL"],
)
@pytest.mark.parametrize("on_error", ["raise", "skip"])
def test_unreadable_file_is_an_error_under_skip_too(damaged, content, on_error):
    with pytest.raises(CorpusFormatError, match=r"expected .*, found .*\."):
        damaged.read(content, on_error)


def test_another_format_is_refused(damaged):
    with pytest.raises(CorpusFormatError, match=r"expected .*, found .*\."):
        damaged.read(b"{}")


def test_byte_order_mark_is_dropped(damaged):
    assert list(damaged.read(b"\xef\xbb\xbf" + damaged.original)) == list(damaged.read(damaged.original))


def test_a_file_that_may_not_be_read(damaged, monkeypatch):
    def refuse(path: Path) -> bytes:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(CorpusNotFoundError, match="cannot be read \\(Permission denied\\)"):
        damaged.read(damaged.original)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(data=st.data())
def test_only_our_errors_of_one_line_leave_a_damaged_file(damaged, data):
    start = data.draw(st.integers(0, len(damaged.original)))
    end = data.draw(st.integers(start, min(len(damaged.original), start + 40)))
    syntax = st.sampled_from([b"(", b")", b"[", b"]", b'"', b",", b"\n", b"\r", b"<", b"&x;", b"/", b"~", b":", b"\0"])
    middle = b"".join(data.draw(st.lists(syntax | st.binary(max_size=4), max_size=6)))
    messages: list[str] = []
    for on_error in get_args(corpora.OnError):
        try:
            corpus = damaged.read(damaged.original[:start] + middle + damaged.original[end:], on_error)
            messages += corpus.skipped
        except DataTunerError as error:
            messages.append(str(error))
    assert not any("\n" in message for message in messages)


def test_reading_imports_no_framework():
    code = (
        "import sys; from pathlib import Path; from datatuner import corpora;"
        f"[corpora.read(name, Path({str(FIXTURES)!r}) / name, 'test') for name in corpora.NAMES];"
        "print({'torch', 'transformers', 'pytorch_lightning', 'hydra', 'omegaconf'} & set(sys.modules))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert out.stdout.strip() == "set()"
