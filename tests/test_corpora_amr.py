"""AMR: PENMAN text to AmrGraph, and the blocks of LDC2017T10's files."""

import logging
import pickle
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datatuner import corpora
from datatuner.corpora import amr
from datatuner.errors import CorpusFormatError
from datatuner.example import AmrGraph, AmrNode
from datatuner.linearization import linearized_text

FIXTURE = Path(__file__).parent / "fixtures" / "ldc2017t10"


@pytest.fixture(scope="module")
def train():
    return {example.id: example for example in corpora.read("ldc2017t10", FIXTURE, "train")}


@pytest.fixture
def read(tmp_path):
    folder = tmp_path / "data/amrs/split/dev"
    folder.mkdir(parents=True)

    def write_and_read(content: str, on_error: corpora.OnError = "raise") -> corpora.Corpus:
        (folder / "dev.txt").write_text(content, encoding="utf-8", newline="")
        return corpora.read("ldc2017t10", tmp_path, "validation", on_error=on_error)

    return write_and_read


def block(identifier: str, graph: str = "(g / goose)", sentence: str = "# ::snt A goose .\n") -> str:
    return f"# ::id {identifier} ::date 2031-01-01T00:00:00\n{sentence}{graph}\n\n"


def test_one_example_per_graph_over_all_files(train):
    assert list(train) == ["fens_1.1", "fens_1.2", "fens_1.3", "fens_2.1"]
    assert [len(example.references) for example in train.values()] == [1, 1, 1, 1]


def test_sentence_is_the_reference_whatever_stands_in_it(train):
    assert train["fens_1.1"].references == ("Ulla Brandt wants to leave at 19:40 .",)
    assert train["fens_1.2"].references == ("She does not sing :: not now , not ever .",)


def test_tree_wiki_reentrancy_and_strings_as_written_without_alignment_marks(train):
    name = AmrNode("n", "name", ((":op1", '"Ulla"'), (":op2", '"Brandt"')))
    person = AmrNode("p", "person", ((":wiki", '"Ulla_Brandt_(astronomer)"'), (":name", name)))
    time = AmrNode("d", "date-entity", ((":time", '"19:40"'),))
    leave = AmrNode("l", "leave-11", ((":ARG0", "p"), (":time", time)))
    assert train["fens_1.1"].source == AmrGraph(AmrNode("w", "want-01", ((":ARG0", person), (":ARG1", leave))))


def test_no_alignment_mark_reaches_what_the_model_reads(train):
    path = FIXTURE / "data/amrs/split/training/amr-fens-training-a.txt"
    assert path.read_text(encoding="utf-8").count("~e.") == 7
    assert linearized_text(train["fens_1.1"].source) == (
        "want <:ARG0> ( person <:name> ( Ulla Brandt ) ) "
        "<:ARG1> ( leave <:ARG0> person <:time> ( date-entity <:time> 19:40 ) )"
    )


def test_one_line_graph_constants_and_inverse_roles(train):
    edges = ((":polarity", "-"), (":ARG0", AmrNode("s2", "she")), (":ARG1-of", AmrNode("s3", "say-01")))
    assert train["fens_1.2"].source == AmrGraph(AmrNode("s", "sing-01", edges))


def test_unquoted_constants_empty_wiki_and_non_ascii(train):
    root = train["fens_1.3"].source.root
    assert root.edges[0] == (":mode", "expressive")
    assert root.edges[1] == (":ARG1", AmrNode("c2", "crème"))
    assert root.edges[2][1].edges[0] == (":quant", "3")
    city = root.edges[3][1]
    assert city.edges == ((":wiki", "-"), (":name", AmrNode("n", "name", ((":op1", '"Ålesund"'),))))


def test_header_line_is_no_graph_with_or_without_a_blank_line(read):
    for gap in ("\n", "\n\n", ""):
        corpus = read(f"# AMR release; number of AMRs: 1{gap or chr(10)}{block('a')}")
        assert [example.id for example in corpus] == ["a"]


def test_crlf(read):
    assert list(read(block("a").replace("\n", "\r\n"))) == list(read(block("a")))


def chain(depth: int) -> str:
    return "".join(f"(v{i} / deep :ARG1 " for i in range(depth)) + "(end / end)" + ")" * depth


def test_the_deepest_graph_is_read_and_can_be_compared_printed_and_pickled():
    graph = amr.parse(chain(amr.MAX_DEPTH - 1))
    node = graph.root
    for _ in range(amr.MAX_DEPTH - 1):
        ((role, target),) = node.edges
        assert role == ":ARG1"
        assert isinstance(target, AmrNode)
        node = target
    assert node == AmrNode("end", "end")
    again = amr.parse(chain(amr.MAX_DEPTH - 1))
    assert (graph, hash(graph), repr(graph)) == (again, hash(again), repr(again))
    assert pickle.loads(pickle.dumps(graph)) == graph
    assert linearized_text(graph).count("<:ARG1>") == amr.MAX_DEPTH - 1


MALFORMED = {
    "no id": ("# ::snt A goose .\n(g / goose)\n\n", 5),
    "neither id nor graph": ("# ::snt A goose .\n\n", 5),
    "no graph": (block("b", ""), 5),
    "truncated": (block("b", "(g / goose\n   :quant 2"), 8),
    "bracket too many": (block("b", "(g / goose\n   :quant 2))"), 8),
    "two graphs": (block("b", "(g / goose)\n(d / duck)"), 8),
    "text after the graph": (block("b", "(g / goose) goose"), 7),
    "no concept": (block("b", "(g :quant 2)"), 7),
    "empty concept": (block("b", "(g / :quant 2)"), 7),
    "empty node": (block("b", "()"), 7),
    "role without target": (block("b", "(g / goose :quant)"), 7),
    "unquoted colon": (block("b", "(g / goose :time 19:40)"), 7),
    "open quote": (block("b", '(g / goose\n   :op1 "Ulla)'), 8),
    "no brackets": (block("b", "goose"), 7),
    "one level too deep": (block("b", chain(amr.MAX_DEPTH)), 7),
    "nested beyond measure": (block("b", chain(3000)), 7),
    "no sentence": (block("b", sentence=""), 5),
    "empty sentence": (block("b", sentence="# ::snt\n"), 5),
    "id twice": (block("a"), 5),
}


@pytest.mark.parametrize(("bad", "line"), MALFORMED.values(), ids=MALFORMED)
def test_malformed_block_names_its_line_or_is_skipped(read, caplog, bad, line):
    content = block("a") + bad + block("c")
    with pytest.raises(CorpusFormatError, match=rf"dev\.txt:{line}: expected .*, found .*corpus\.on_error=skip"):
        read(content)
    corpus = read(content, "skip")
    assert [example.id for example in corpus] == ["a", "c"]
    assert (corpus.counts["rows"], corpus.counts["skipped"]) == (3, 1)
    assert not caplog.records


def test_the_log_level_of_penman_is_restored():
    logger = logging.getLogger("penman")
    before = logger.level
    with pytest.raises(amr.AmrSyntaxError):
        amr.parse("(g / )")
    assert logger.level == before


@pytest.mark.parametrize("on_error", ["raise", "skip"])
def test_file_without_blocks_is_refused_whole(read, on_error):
    with pytest.raises(CorpusFormatError, match=r"dev\.txt: expected blocks"):
        read("# AMR release; corpus: fens\n", on_error)


SYMBOLS = st.from_regex(r"[a-zé][a-zé0-9_-]{0,8}", fullmatch=True)
STRINGS = st.text(st.characters(exclude_characters='"\\', exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=12)
CONSTANTS = SYMBOLS | st.sampled_from(["-", "+", "3", "0.5"]) | STRINGS.map(lambda text: f'"{text}"')
ROLES = st.from_regex(r":[A-Za-z][A-Za-z0-9-]{0,6}", fullmatch=True)
MARKS = st.sampled_from(["", "~e.3", "~e.27,28", "~2"])
NODES = st.recursive(
    st.builds(AmrNode, SYMBOLS, SYMBOLS),
    lambda nodes: st.builds(
        AmrNode, SYMBOLS, SYMBOLS, st.lists(st.tuples(ROLES, nodes | CONSTANTS), max_size=3).map(tuple)
    ),
    max_leaves=8,
)


def render(node: AmrNode, mark: str, separator: str) -> str:
    parts = [f"({node.variable} / {node.concept}{mark}"]
    for role, target in node.edges:
        written = render(target, mark, separator) if isinstance(target, AmrNode) else target + mark
        parts.append(f"{role}{mark} {written}")
    return separator.join(parts) + ")"


@settings(max_examples=50)
@given(NODES, MARKS, st.sampled_from([" ", "\n      "]))
def test_render_then_parse(node, mark, separator):
    assert amr.parse(render(node, mark, separator)) == AmrGraph(node)


@given(st.text('()/:~"ab1. \n#\\\u2028', max_size=30))
def test_only_syntax_errors_leave_parse(text):
    line = 1
    try:
        amr.parse(text)
    except amr.AmrSyntaxError as error:
        line = error.line
    assert 1 <= line <= text.count("\n") + 1
