"""AMR in PENMAN notation: text -> AmrGraph, and files of `# ::id` and `# ::snt` blocks -> Example."""

import logging
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import penman
from penman.exceptions import DecodeError

from datatuner.corpora.corpus import Tally, file_error, read_text, row_error
from datatuner.example import AmrGraph, AmrNode, Example

_ALIGNMENT = re.compile(r"~(?:[a-z]\.?)?[0-9]++(?:,[0-9]++)*+$")
_QUOTED_OR_BRACKET = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+(?P<end>"?)|[()]')  # an open string to the line's end
# Nodes in one another. The deepest of real corpora is 12 here. Comparing, hashing, printing and pickling a tree goes
# down it in Python's own recursion, five frames a level, which is safe to this depth whoever calls.
MAX_DEPTH = 100
_KEY = re.compile(r"#\s*::")
_IDENTIFIER = re.compile(r"#\s*::id\s+(\S+)")
_SENTENCE = re.compile(r"#\s*::snt(?:\s+(.*))?$")


class AmrSyntaxError(ValueError):
    """Text that is not one whole graph; `line` counts from 1 within it."""

    def __init__(self, line: int, expected: str, found: str) -> None:
        super().__init__(f"expected {expected}, found {found}")
        self.line, self.expected, self.found = line, expected, found


def parse(text: str) -> AmrGraph:
    """The graph written in `text`, its tree as it stands there: order, inverse roles, `:wiki` and re-entrancies.

    Alignment marks (`~e.27,28`) are dropped.

    Raises:
        AmrSyntaxError: anything but exactly one graph, or one with more than MAX_DEPTH nodes in one another.
    """
    lines = ["" if line.lstrip().startswith("#") else line for line in text.split("\n")]
    start = next((number for number, line in enumerate(lines, 1) if line.strip()), 1)
    _check_brackets_and_quotes(lines)
    try:
        with _quiet_penman():
            tree = next(penman.iterparse(lines), None)
        if tree is None:
            raise AmrSyntaxError(start, "a graph in brackets", lines[start - 1])
        return AmrGraph(_node(tree.node, start))
    except DecodeError as error:
        raise AmrSyntaxError(error.lineno or start, "PENMAN notation", f"{error.message}: {error.text}") from error


class _Block(NamedTuple):
    line: int  # of its first line in the file, from 1
    lines: list[str]


def read_amr_file(path: Path, split: str, tally: Tally) -> Iterator[Example]:
    """One Example per graph; its id is `::id`, its one reference `::snt`. Blank lines part the blocks.

    A block of comments without `::key` (the file's header) is no row.
    """
    blocks = [block for block in _blocks(read_text(path)) if not _is_comment(block)]
    if not blocks:
        raise file_error(path, None, "blocks of `# ::id`, `# ::snt` and a graph", "none")
    for block in blocks:
        tally.counts["rows"] += 1
        with tally.row():
            yield _example(path, block, split, tally)


def _example(path: Path, block: _Block, split: str, tally: Tally) -> Example:
    identifier, sentence = _metadata(block, _IDENTIFIER), _metadata(block, _SENTENCE)
    if identifier is None:
        raise row_error(path, block.line, "a `# ::id` line above the graph", block.lines[0])
    try:
        graph = parse("\n".join(block.lines))
    except AmrSyntaxError as error:
        raise row_error(path, block.line + error.line - 1, error.expected, error.found.strip()) from error
    tally.claim(identifier, path, block.line)
    references = tally.references([sentence] if sentence is not None else [])
    if not references:
        raise row_error(path, block.line, "a sentence after `# ::snt`", identifier)
    return Example(identifier, split, graph, references)


def _blocks(text: str) -> Iterator[_Block]:
    lines: list[str] = []
    for number, line in enumerate([*text.replace("\r\n", "\n").split("\n"), ""], 1):
        if line.strip():
            lines.append(line)
        elif lines:
            yield _Block(number - len(lines), lines)
            lines = []


def _is_comment(block: _Block) -> bool:
    return all(line.startswith("#") and not _KEY.match(line) for line in block.lines)


def _metadata(block: _Block, pattern: re.Pattern[str]) -> str | None:
    match = next(filter(None, map(pattern.match, block.lines)), None)
    return match and (match[1] or "")


def _check_brackets_and_quotes(lines: Sequence[str]) -> None:
    """Refuses what penman would not, or not in time.

    It stops silently where its graph ends, goes down a deep graph by recursion, and looks for the end of an open
    string anew from each of the string's escaped quotes.
    """
    depth, closed = 0, False
    for number, line in enumerate(lines, 1):
        if closed and line.strip():
            raise AmrSyntaxError(number, "nothing after the graph", line)
        for match in _QUOTED_OR_BRACKET.finditer(line):
            if match[0].startswith('"'):
                if not match["end"]:
                    raise AmrSyntaxError(number, "a closing quote", match[0])
                continue
            depth += 1 if match[0] == "(" else -1
            if depth > MAX_DEPTH:
                raise AmrSyntaxError(number, f"at most {MAX_DEPTH} nodes in one another", line[match.start() :])
            if depth == 0 and match[0] == ")":
                closed = True
                if line[match.end() :].strip():
                    raise AmrSyntaxError(number, "nothing after the graph", line)


def _node(node: tuple[str | None, list[tuple[str, object]]], start: int) -> AmrNode:
    variable, branches = node
    (slash, concept), *edges = branches or [("", None)]
    if variable is None or slash != "/" or not isinstance(concept, str):
        raise AmrSyntaxError(start, "'variable / concept' in each node", f"({variable or ''}")
    return AmrNode(variable, _unmarked(concept), tuple(_edge(role, target, start) for role, target in edges))


def _edge(role: str, target: object, start: int) -> tuple[str, AmrNode | str]:
    if isinstance(target, tuple):
        return _unmarked(role), _node(target, start)
    if not isinstance(target, str):
        raise AmrSyntaxError(start, "a node or a constant after each role", role)
    return _unmarked(role), _unmarked(target)


def _unmarked(text: str) -> str:
    return _ALIGNMENT.sub("", text)


@contextmanager
def _quiet_penman() -> Iterator[None]:
    """penman warns of what is refused here anyway."""
    logger = logging.getLogger("penman")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)
