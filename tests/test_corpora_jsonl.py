"""Own data: JSON Lines of four kinds of source, and a reader class that a config names."""

import json
import re
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datatuner import corpora
from datatuner.corpora.amr import parse
from datatuner.corpora.corpus import Corpus
from datatuner.corpora.jsonl import read_source
from datatuner.errors import ConfigError, CorpusFormatError, CorpusNotFoundError
from datatuner.example import Slot, SlotValues, Source, Triple, Triples
from datatuner.fields import fields_of
from datatuner.linearization import linearized_text

JSONL = {"_target_": "datatuner.corpora.jsonl.JsonlReader"}
ROOT = Path(__file__).parents[1]
ROW: dict[str, Any] = {"id": "1", "slots": {"name": "Alimentum"}, "references": ["A text."]}


@pytest.fixture
def written(tmp_path: Path) -> Callable[..., Path]:
    """written(row, …): a folder whose training split has these lines; a string stands as it is."""

    def write(*rows: object) -> Path:
        lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
        (tmp_path / "train.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
        return tmp_path

    return write


def read(folder: Path, split: str = "train", **options: Any) -> Corpus:
    return corpora.read("books", folder, split, reader=JSONL, **options)


def test_each_kind_of_source(fixtures):
    train = read(fixtures / "jsonl")
    found = {example.id: example for example in train}
    assert found["b1"].source == Triples((Triple("The Tin Harbour", "author", "Ola Brandt"),))
    assert found["b1"].references == ("Ola Brandt wrote The Tin Harbour.", "The Tin Harbour is by Ola Brandt.")
    assert found["b1"].attributes == {"shelf": "novels"}
    assert found["s1"].source == SlotValues(
        (Slot("title", "Moss and Iron"), Slot("format", "paperback"), Slot("on loan", "no"))
    )
    repeated = SlotValues((Slot("title", "Ferry Songs"), Slot("genre", "poems"), Slot("genre", "travel")))
    assert found["s3"].source == repeated
    assert found["17"].source == SlotValues((Slot("title", "Ferry Songs"), Slot("year", "2003")), act="inform")
    assert found["m1"].source == parse("(r / read-01 :ARG0 (g / girl) :ARG1 (b / book))")
    assert linearized_text(found["a2"].source) == "<request> request ( <genre> genre: [ ] )"
    assert train.counts["rows"] == train.counts["examples"] == 12
    assert train.counts["references"] == 15


@pytest.mark.parametrize(
    ("row", "expected", "found"),
    [
        ("{", "a JSON object", "'{'"),
        ("[]", "a JSON object", "a list"),
        ("[" * 100_000, "a JSON object", "nested too deeply"),
        ({**ROW, "id": None}, "'id' with a string", "null"),
        ({**ROW, "id": True}, "'id' with a string", "true"),
        ({**ROW, "id": ""}, "'id' with a string or a whole number", "an empty string"),
        ({**ROW, "act": " "}, "'act' with a name", "a blank one"),
        ({k: v for k, v in ROW.items() if k != "slots"}, "one of 'triples', 'slots' and 'amr'", "none of them"),
        ({**ROW, "amr": "(b / boy)"}, "one of 'triples', 'slots' and 'amr'", "slots and amr"),
        ({**ROW, "refrences": []}, "no fields but act, amr, attributes, id, references, slots, triples", "refrences"),
        ({**ROW, "references": []}, "'references' with one or more texts", "found none."),
        ({**ROW, "references": [" "]}, "'references' with one or more texts", "blank"),
        ({**ROW, "references": "A text."}, "'references' with a list of strings", "A text."),
        ({**ROW, "references": ["\ud800"]}, "whole characters", "half a surrogate pair"),
        ({**ROW, "slots": {"rating": 5}}, "'slots' with strings (numbers too in quotes)", "5"),
        ({**ROW, "slots": {}}, "'slots' with one or more names", "none"),
        ({**ROW, "slots": [["a", "b", "c"]]}, "an object, or a list of [name, value]", "a list of 3"),
        ({**ROW, "attributes": {"size": 3}}, "'attributes' with strings", "3"),
        ({"id": "1", "triples": [], "references": ["x"]}, "'triples' with one or more", "none"),
        ({"id": "1", "triples": [["a", " ", "c"]], "references": ["x"]}, "a subject and a predicate each", "a blank"),
        (
            {"id": "1", "triples": [["a", "b"]], "references": ["x"]},
            "a list of [subject, predicate, object]",
            "a list of 2",
        ),
        (
            {"id": "1", "triples": [["a", "b", "c"]], "act": "x", "references": ["x"]},
            "'act' beside 'slots' alone",
            "tr",
        ),
        ({"id": "1", "amr": "(b / boy", "references": ["x"]}, "'amr' with", ""),
    ],
)
def test_a_malformed_line_is_one_error_with_its_number(written, row, expected, found):
    folder = written({**ROW, "id": "first"}, "", row)
    with pytest.raises(CorpusFormatError) as caught:
        read(folder)
    message = str(caught.value)
    assert message.startswith(f"{folder / 'train.jsonl'}:3: expected ")
    assert expected in message
    assert found in message
    assert "\n" not in message
    assert "corpus.on_error=skip" in message
    assert len(message) < 500

    skipping = read(folder, on_error="skip")
    assert [example.id for example in skipping] == ["first"]
    assert skipping.counts["skipped"] == 1


def test_an_id_stands_once(written):
    with pytest.raises(CorpusFormatError, match=r"train\.jsonl:2: expected an id that no earlier row has"):
        read(written(ROW, ROW))


def test_a_missing_split_names_the_layout(written):
    with pytest.raises(CorpusNotFoundError, match=r"lacks the file test\.jsonl .*\{train,validation,test\}\.jsonl"):
        read(written(ROW), "test")


words = st.text(min_size=1, max_size=12).filter(lambda text: text.isprintable() and text.strip())
pairs = st.lists(st.tuples(words, st.text(max_size=12)), min_size=1, max_size=4)


@settings(max_examples=150, deadline=None)
@given(
    source=st.one_of(
        st.lists(st.tuples(words, words, words), min_size=1, max_size=4).map(
            lambda t: Triples(tuple(Triple(*row) for row in t))
        ),
        st.tuples(pairs, st.none() | words).map(
            lambda made: SlotValues(tuple(Slot(*pair) for pair in made[0]), act=made[1])
        ),
    )
)
def test_every_source_comes_back_from_its_line(source: Source) -> None:
    if isinstance(source, Triples):
        record: dict[str, Any] = {"triples": source.triples}
    else:
        assert isinstance(source, SlotValues)
        record = {"slots": source.slots, **({"act": source.act} if source.act else {})}
    assert read_source(fields_of(json.dumps(record), "line")) == source


# A reader of one's own


def readme_reader() -> str:
    """The reader that README.md shows."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    found = re.search(r"```python\n(# mycorpus\.py\n.*?)```", text, flags=re.DOTALL)
    assert found, "README.md has no block that begins with # mycorpus.py"
    return found[1]


@pytest.mark.slow
def test_the_readmes_reader_trains_and_what_it_reads_names_the_folders(datatuner, small, tmp_path):
    (tmp_path / "mycorpus.py").write_text(readme_reader(), encoding="utf-8")
    (tmp_path / "corpus").mkdir()
    yaml = "name: mine\nreader:\n  _target_: mycorpus.Reader\n  separator: '|'\n"
    (tmp_path / "corpus" / "mine.yaml").write_text(yaml, encoding="utf-8")
    (tmp_path / "data" / "mine").mkdir(parents=True)
    rows = ["Ferry Songs|author|Ines Calder|Ines Calder wrote Ferry Songs.", "Moss|author|Bo|Bo wrote Moss."]
    for split in corpora.SPLITS:
        (tmp_path / "data" / "mine" / f"{split}.txt").write_text("\n".join(rows) + "\n", encoding="utf-8")
    overrides = [override for override in small if override != "corpus=demo"]
    arguments = ["run", "--config-dir", tmp_path, "corpus=mine", *overrides, "seed=1"]

    ran = datatuner(*arguments, cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert "<subject> Ferry Songs <predicate> author <object> Ines Calder" in ran.stdout
    again = datatuner(*arguments, cwd=tmp_path)
    assert again.stdout.count("reused: ") == 4
    code = readme_reader()
    (tmp_path / "mycorpus.py").write_text(f"{code}\n# changed\n", encoding="utf-8")
    again = datatuner(*arguments, cwd=tmp_path)
    assert again.stdout.count("reused: ") == 4  # it reads the same
    (tmp_path / "mycorpus.py").write_text(code.replace("(parts[3],)", "(parts[3].upper(),)"), encoding="utf-8")
    changed = datatuner("decode", *arguments[1:], cwd=tmp_path)
    assert "there is no finished training" in changed.stderr  # another fingerprint


@pytest.mark.slow
def test_own_lines_run_under_a_name_of_their_own(datatuner, small, tmp_path, fixtures):
    overrides = [override for override in small if override != "corpus=demo"]
    folder = f"corpus.folder={fixtures / 'jsonl'}"
    ran = datatuner("run", "corpus=jsonl", "corpus.name=books", folder, *overrides, "seed=1", cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr
    (metrics,) = tmp_path.glob("runs/books/evaluate-*/metrics.json")
    assert set(json.loads(metrics.read_text())["breakdown"]) == {"shelf"}


def own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, read: str, files: str = "return [folder / 'data.txt']"
) -> dict[str, str]:
    """The spec of a reader whose methods have these bodies."""
    source = f"""
        from datatuner.example import Example, Triple, Triples
        ONE = Triples((Triple("a", "b", "c"),))
        class Reader:
            def files(self, folder, split):
                {files}
            def read(self, folder, split, tally):
                {read}
    """
    name = f"own_{abs(hash(source))}"
    (tmp_path / f"{name}.py").write_text(textwrap.dedent(source), encoding="utf-8")
    (tmp_path / "data.txt").write_text("rows", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    return {"_target_": f"{name}.Reader"}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ('return [("a", "b")]', "expected the reader to yield Example objects, found 'tuple'"),
        ('return [Example("1", "test", ONE, ("t",))]', "expected examples of split train, found '1 of test'"),
        ('return [Example("1", "train", ONE, ("t",))] * 2', "expected each id once, found '1'"),
        *(
            (f'return [Example("1", "train", ONE, {texts})]', "expected a tuple of one or more reference texts, none b")
            for texts in ("()", '(" ",)', '"xyz"', "(1,)", "None")
        ),
        *(
            (
                f'return [Example("1", "train", {source}, ("t",))]',
                "expected a source that is Triples of Triple, SlotValues of Slot",
            )
            for source in (
                '{"a": "b"}',
                "Triples(())",
                'Triples((("a", "b", "c"),))',
                'Triples((Triple("a", "b", 3),))',
            )
        ),
        ('return [Example(1, "train", ONE, ("t",))]', "expected an id that is a string, and not empty, found '1'"),
        ('return [Example("", "train", ONE, ("t",))]', "expected an id that is a string, and not empty, found"),
        ('return [Example("1", "train", ONE, ("t",), None)]', "expected attributes that are strings by name, found"),
        ('return [Example("1", "train", ONE, ("t",), {"a": None})]', "expected attributes that are strings by name"),
    ],
)
def test_what_an_own_reader_yields_is_checked(tmp_path, monkeypatch, body, expected):
    spec = own(tmp_path, monkeypatch, body)
    with pytest.raises(CorpusFormatError, match=re.escape(expected)):
        corpora.read("mine", tmp_path, "train", reader=spec)


@pytest.mark.parametrize(
    ("methods", "expected"),
    [
        ({"read": "return None"}, "read(folder, split, tally) must yield examples, not None."),
        ({"files": "return folder / 'data.txt'"}, "files(folder, split) must return a list of paths, not PosixPath("),
        ({"files": "return 'data.txt'"}, "files(folder, split) must return a list of paths, not 'data.txt'."),
        ({"files": "return None"}, "files(folder, split) must return a list of paths, not None."),
    ],
)
def test_what_an_own_readers_methods_return_is_checked(tmp_path, monkeypatch, methods, expected):
    spec = own(tmp_path, monkeypatch, **{"read": "return []", **methods})
    with pytest.raises(ConfigError, match=re.escape(expected)):
        corpora.read("mine", tmp_path, "train", reader=spec)


def test_the_readmes_reader_refuses_or_leaves_out_a_malformed_row(tmp_path, monkeypatch):
    (tmp_path / "readme_reader.py").write_text(readme_reader(), encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "train.txt").write_text("Moss|author|Bo|Bo wrote Moss.\nMoss|author|Bo\n", encoding="utf-8")
    spec = {"_target_": "readme_reader.Reader", "separator": "|"}
    with pytest.raises(CorpusFormatError, match=r"train\.txt:2: expected subject, predicate, object and text, found"):
        corpora.read("mine", tmp_path, "train", reader=spec)
    skipping = corpora.read("mine", tmp_path, "train", reader=spec, on_error="skip")
    assert [example.id for example in skipping] == ["train-1"]
    assert (skipping.counts["rows"], skipping.counts["skipped"]) == (2, 1)


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"_target_": "no_such_module.Reader"}, "No module named 'no_such_module'"),
        ({"_target_": "json.Reader"}, "has no attribute 'Reader'"),
        ({"_target_": "Reader"}, "Empty module name"),
        ({"separator": "|"}, "Empty module name"),
        ({**JSONL, "separator": ","}, "takes no arguments"),
        ({"_target_": "collections.OrderedDict"}, "has no method files"),
    ],
)
def test_a_reader_that_cannot_be_made(tmp_path, spec, expected):
    with pytest.raises(ConfigError, match=expected):
        corpora.read("mine", tmp_path, "train", reader=spec)
