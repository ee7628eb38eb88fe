"""Run by test_fuzzed_readers.py as `python malformed_files.py TARGET FOLDER random SEED COUNT` or `… hostile SIZE`.

Writes malformed files of one format into FOLDER, one after the other, reads each as a user's command would, in both
modes of `on_error`, and prints one JSON object: how many were read and refused, the slowest, and what went wrong.

A process of its own, because its memory is limited: what a reader may use is bounded by the size of its file. Long,
because half of it is a table of files.
"""

import json
import pickle
import re
import resource
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any, get_args

from datatuner import corpora
from datatuner.errors import CorpusFormatError, DataTunerError, RecordError
from datatuner.linearization import linearize
from datatuner.records import read_predictions

FIXTURES = Path(__file__).parent / "fixtures"
MEMORY, MEMORY_PER_BYTE = 40_000_000, 250  # bytes that reading may take, and more for each byte of the file
WHOLE_FILE = ("found 'an empty file'", "found 'none'", "found 'the header alone'")  # errors that have no line
DEEP = 100_000

PREDICTIONS = {
    "1": "The pub is by the river.",
    "2": "Où est le café? At £5.",
    "3": "",
    "4": 'Say "cheese".',
    "5": "Дом.",
}


class Target:
    """One reader: where its file lies in a folder, a file that is well-formed, how to read it and what it may raise."""

    error: type[DataTunerError] = CorpusFormatError
    modes: tuple[str, ...] = get_args(corpora.OnError)

    def __init__(self, name: str, folder: Path) -> None:
        self.name, self.folder = name, folder
        original = corpora.files(name, FIXTURES / name, "train")[0]
        self.path = folder / original.relative_to(FIXTURES / name)
        self.content = original.read_bytes()

    def read(self, mode: Any) -> None:
        corpus = corpora.read(self.name, self.folder, "train", on_error=mode)
        for example in corpus:
            assert linearize(example.source)
            assert all(text.strip() for text in example.references)
            assert hash((example.id, example.source)) is not None
            assert pickle.loads(pickle.dumps(example)) == example
        for message in corpus.skipped:
            self.check(message)
        assert corpus.counts["skipped"] >= len(corpus.skipped)

    def check(self, message: str) -> None:
        """One line that begins with the file, and the line in it."""
        assert "\n" not in message
        assert "\r" not in message
        assert len(message) < len(str(self.path)) + 1200
        line = r"(:\d+)?: " if any(found in message for found in WHOLE_FILE) else r":\d+: "
        assert re.match(re.escape(str(self.path)) + line, message)


class Predictions(Target):
    """`predictions=FILE`: what it refuses is a RecordError, because the file is no corpus."""

    error = RecordError
    modes = ("raise",)

    def __init__(self, name: str, folder: Path) -> None:
        self.name, self.path = name, folder / name
        if name.endswith(".jsonl"):
            lines = [json.dumps({"id": key, "text": text, "tokens": 3}) for key, text in PREDICTIONS.items()]
        else:
            lines = list(PREDICTIONS.values())
        self.content = "".join(f"{line}\n" for line in lines).encode()

    def read(self, mode: Any) -> None:
        texts = read_predictions(self.path, list(PREDICTIONS))
        assert len(texts) == len(PREDICTIONS)
        assert "".join(texts).encode() is not None  # no half of a surrogate pair

    def check(self, message: str) -> None:
        assert "\n" not in message
        assert len(message) < len(str(self.path)) + 1200
        assert message.startswith(f"{self.path}:")  # a count that is wrong has no line


# Random damage


JUNK = [
    *(character.encode() for character in "\"'()[]{}<>&|,;:/\\~#`“”‘’«»\u2028\u0085\u00a0\ufeff\0\r\n\t"),
    *(b"\xff", b"\xfe\xff", b"\xc3", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\r\n", b"\n\n", b'""', b"\x1a", b"\x1c"),
    *(b"<lex>", b"</lex>", b"<entry>", b"</entry>", b"<!--", b"-->", b"<![CDATA[", b"]]>", b"&amp;", b"&x;", b"&#0;"),
    *(b"<!DOCTYPE b>", b'<!DOCTYPE b [<!ENTITY a "ha">]>', b'<?xml version="1.1"?>', b"&#xD800;", b"<?a b?>"),
    *(b"# ::id a", b"# ::snt", b"# ::snt a", b"(a / b)", b":ARG0", b"~e.1,2", b"/", b" / ", b":op1", b"-01"),
    *(
        b'"\\ud800"',
        b"\\u0000",
        b"9" * 5000,
        b"-1e999",
        b"NaN",
        b"null",
        b"true",
        b'{"id": "1"',
        b'"text": 1',
        b"[" * 2000,
    ),
    *(b"name[", b"]", b"mr", b"ref", b"mr,ref", b" | ", b"inform(", b"a" * 140_000),
]
QUOTES = [b'"', b"'", "“".encode(), "”".encode(), b"`", b'""', b""]


def _cut(random: Random, content: bytes) -> bytes:
    return content[: random.randrange(len(content))]


def _cut_start(random: Random, content: bytes) -> bytes:
    return content[random.randrange(len(content)) :]


def _delete(random: Random, content: bytes) -> bytes:
    start, end = _span(random, content)
    return content[:start] + content[end:]


def _repeat(random: Random, content: bytes) -> bytes:
    start, end = _span(random, content)
    return content[:start] + content[start:end] * random.choice([2, 3, 50]) + content[end:]


def _move(random: Random, content: bytes) -> bytes:
    start, end = _span(random, content)
    place = random.randrange(len(content))
    return content[:place] + content[start:end] + content[place:]


def _shuffle(random: Random, content: bytes) -> bytes:
    start, end = _span(random, content)
    return content[:start] + bytes(random.sample(content[start:end], end - start)) + content[end:]


def _flip(random: Random, content: bytes) -> bytes:
    changed = bytearray(content)
    for _ in range(random.choice([1, 1, 4, 40])):
        changed[random.randrange(len(changed))] ^= 1 << random.randrange(8)
    return bytes(changed)


def _insert(random: Random, content: bytes) -> bytes:
    place = random.randrange(len(content) + 1)
    return content[:place] + random.choice(JUNK) * random.choice([1, 1, 1, 3]) + content[place:]


def _quotes(random: Random, content: bytes) -> bytes:
    """Some of one kind of quote (or bracket) become another kind."""
    old, new = random.choice([b'"', b"(", b")", b"[", b"]", b"<", b","]), random.choice(QUOTES)
    parts = content.split(old)
    return parts[0] + b"".join((new if random.random() < 0.3 else old) + part for part in parts[1:])


def _recode(random: Random, content: bytes) -> bytes:
    encoding = random.choice(["utf-16", "utf-16-le", "utf-32", "latin-1", "cp037", "utf-8-sig"])
    return content.decode("utf-8", "replace").encode(encoding, "replace")


def _line_ends(random: Random, content: bytes) -> bytes:
    return content.replace(b"\n", random.choice([b"\r", b"\r\n", b"", b"\n\n", "\u2028".encode(), b"\n\r"]))


def _span(random: Random, content: bytes) -> tuple[int, int]:
    start = random.randrange(len(content))
    return start, min(len(content), start + random.choice([1, 3, 10, 40, 200]))


DAMAGES: list[Callable[[Random, bytes], bytes]] = [
    *(
        _cut,
        _cut_start,
        _delete,
        _repeat,
        _move,
        _shuffle,
        _flip,
        _insert,
        _insert,
        _insert,
        _quotes,
        _recode,
        _line_ends,
    )
]


def damaged(content: bytes, seed: str) -> bytes:
    random = Random(seed)
    for _ in range(random.choice([1, 1, 2, 3, 6])):
        content = random.choice(DAMAGES)(random, content or b"\n")[:400_000]
    return content


# Files made to hurt: `n` bytes, or DEEP levels


def xml(content: str, before: str = "") -> str:
    return f'<?xml version="1.0"?>{before}<benchmark><entries>{content}</entries></benchmark>'


def entry(triple: str = "a | b | c", lex: str = "<lex>x</lex>", attributes: str = 'category="A" eid="1"') -> str:
    triples = f"<modifiedtripleset><mtriple>{triple}</mtriple></modifiedtripleset>"
    return f"<entry {attributes}>{triples}{lex}</entry>"


def hostile_xml(n: int) -> Iterator[tuple[str, str]]:
    doubling = "".join(f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in zip("abcdefgh", "bcdefghi", strict=True))
    yield "entity bomb", xml(entry(lex="<lex>&i;</lex>"), f'<!DOCTYPE b [<!ENTITY a "ha">{doubling}]>')
    large = f'"{"x" * (n // 2)}"'
    yield "one large entity", xml(entry(lex=f"<lex>{'&a;' * (n // 6)}</lex>"), f"<!DOCTYPE b [<!ENTITY a {large}>]>")
    yield "large default", xml("<entry/>" * (n // 16), f"<!DOCTYPE b [<!ATTLIST entry a CDATA {large}>]>")
    yield "external subset", xml(entry(), '<!DOCTYPE b SYSTEM "file:///dev/zero">')
    yield "parameter entity", xml(entry(), '<!DOCTYPE b [<!ENTITY % a SYSTEM "file:///dev/zero"> %a;]>')
    yield "deep", xml("<a>" * DEEP)
    yield "deep, closed", xml("<a>" * DEEP + "</a>" * DEEP)
    yield "deep in an entry", xml(entry(lex="<a>" * DEEP + "</a>" * DEEP + "<lex>x</lex>"))
    yield "deep lex", xml(entry(lex="<lex>" * DEEP + "</lex>" * DEEP))
    yield "deep lex/text", xml(entry(lex="<lex><text>" * DEEP + "</text></lex>" * DEEP))
    yield "deep entries", xml('<entry category="a" eid="1">' * (DEEP // 10) + "</entry>" * (DEEP // 10))
    yield "large text", xml(entry(lex=f"<lex>{'word ' * (n // 5)}</lex>"))
    yield "large triple", xml(entry(triple="a | " * (n // 4)))
    yield "large attribute", xml(entry(attributes=f'category="{"A" * n}" eid="1"'))
    yield "open attribute", xml('<entry category="' + "A" * n)
    yield "large name", xml(f"<{'a' * n}/>")
    yield "large comment", xml(f"<!--{'-a' * (n // 2)}-->")
    yield "large CDATA", xml(entry(lex=f"<lex><![CDATA[{']' * n}]]></lex>"))
    yield "many attributes", xml("<entry " + " ".join(f'a{i}="x"' for i in range(n // 12)) + "/>")
    yield "many references", xml(entry(lex=f"<lex>{'&#65;' * (n // 5)}</lex>"))
    yield "many lines", xml(entry(lex="<lex>" + "\n" * n + "</lex>"))
    yield "many lexes", xml(entry(lex="<lex/>" * (n // 6)))
    yield "many empty entries", xml("<entry/>" * (n // 8))
    yield "many entries", xml("".join(entry(attributes=f'category="A" eid="{i}"') for i in range(n // 110)))
    yield "many instructions", "<?a b?>" * (n // 7) + "<b/>"
    yield "ampersands", xml("&" * n)


def hostile_csv(n: int) -> Iterator[tuple[str, str]]:
    rows = {
        "large field": "a" * n,
        "large open field": '"' + "a" * n,
        "open field of lines": '"' + "\n" * n,
        "quotes": '"' * n,
        "empty cells": "," * n,
        "rows too short": "a\n" * (n // 2),
        "rows of carriage returns": "a,b\r" * (n // 4),
        "carriage returns": "\r" * n,
        "rows": "".join(f"n[{i}],x\n" for i in range(n // 11)),
        "acts": "".join(f"a(n[{i}]),x\n" for i in range(n // 11)),
        "one input": "n[a],x\n" * (n // 7),
        "no references": "".join(f"n[{i}],\n" for i in range(n // 11)),
        "words": "a " * 65_000 + ",x",
        "letters": "a" * 131_000 + ",x",
        "slots with a comma too many": f'"{"a[b], " * 20_000}",x',
        "slots": f'"{"a[b], " * 20_000}a[b]",x',
        "slots of an act": f'"a({"a[b], " * 20_000}a[b])",x',
        "brackets": "[" * 65_000 + "]" * 65_000 + ",x",
        "parentheses": "a" + "(" * 65_000 + ")" * 65_000 + ",x",
        "parentheses after an act": "a(" + ")" * 130_000 + "x,x",
    }
    yield from ((name, f"mr,ref\n{content}\n") for name, content in rows.items())
    yield "columns", "," * n
    yield "rows of columns", "mr,ref" + ("," * (n // 4) + "\n") * 4


def hostile_amr(n: int) -> Iterator[tuple[str, str]]:
    graphs = {
        "deep": "(a / b :r " * DEEP,
        "deep, closed": "(a / b :r " * DEEP + "c" + ")" * DEEP,
        "deep below zero": ")" * DEEP + "(a / b :r " * DEEP + "c" + ")" * DEEP,
        "brackets alone": "(" * n,
        "brackets in a string": '(a / b :r "' + "(" * n + '")',
        "escaped quotes in an open string": '(a / b :r "' + '\\"' * (n // 2),
        "escaped quotes": '(a / b :r "' + '\\"' * (n // 2) + '")',
        "backslashes": '(a / b :r "' + "\\" * n,
        "quotes": "(a / b :r " + '"' * n + ")",
        "one mark": f"(a / b~e.{'1,' * (n // 2)})",
        "marks": f"(a / b{'~e.1' * (n // 5)})",
        "long mark": f"(a / b~{'1' * n}x)",
        "many constants": f"(a / b {':r c ' * (n // 5)})",
        "many nodes": f"(a / b {':r (c / d) ' * (n // 11)})",
        "many lines": "(a / b\n" + ":r c\n" * (n // 5) + ")",
        "many words of a name": f"(a / name {':op1 c ' * (n // 7)})",
        "roles without target": f"(a / b {':r ' * (n // 3)})",
        "large concept": f"(a / {'b' * n})",
        "senses": f"(a / b{'-11' * (n // 3)}x)",
        "large role": f"(a / b :{'r' * n} c)",
        "slashes": f"(a {'/ ' * (n // 2)})",
        "keys": "# ::x\n" * (n // 6) + "(a / b)",
        "colons in a comment": f"# {':' * n}\n(a / b)",
        "colons in an indented comment": f" # {':' * n}\n(a / b)",
        "spaces in a comment": f"#{' ' * n}\n(a / b)",
    }
    yield from ((name, f"# ::id a\n# ::snt s\n{graph}\n\n") for name, graph in graphs.items())
    yield "spaces after the id", f"# ::id{' ' * n}\n# ::snt s\n(a / b)\n"
    yield "tiny blocks", "a\n\n" * (n // 3)
    yield "one id", "# ::id a\n\n" * (n // 11)
    yield "blocks", "".join(f"# ::id {i}\n# ::snt s\n(a / b)\n\n" for i in range(n // 36))


def hostile_predictions(n: int) -> Iterator[tuple[str, str]]:
    yield "deep list", "[" * DEEP
    yield "deep object", '{"a":' * DEEP
    yield "deep, closed", '{"id": "1", "text": ' + "[" * DEEP + "]" * DEEP + "}"
    yield "long number", f'{{"id": "1", "text": {"9" * 5000}}}'
    yield "longer number", f'{{"id": "1", "text": {"9" * n}}}'
    yield "long fraction", f'{{"id": "1", "text": 0.{"9" * n}}}'
    yield "large exponent", f'{{"id": "1", "text": 1e{"9" * n}}}'
    yield "large text", json.dumps({"id": "1", "text": "x" * n})
    yield "large id", json.dumps({"id": "x" * n, "text": ""})
    yield "half a surrogate pair", '{"id": "1", "text": "\\ud800"}'
    yield "half a surrogate pair in the id", '{"id": "\\ud800", "text": ""}'
    yield "many keys", "{" + ",".join(f'"{i}":1' for i in range(n // 10)) + "}"
    yield "one key", "{" + ",".join('"a":1' for _ in range(n // 6)) + "}"
    yield "lines", "\n" * n
    yield "objects", "{}\n" * (n // 3)
    yield "unknown ids", "".join(f'{{"id": "x{i}", "text": ""}}\n' for i in range(n // 28))
    yield "one id", '{"id": "1", "text": ""}\n' * (n // 24)
    yield "escapes", '{"id": "1", "text": "' + "\\u0041" * (n // 6) + '"}'
    yield "open string", '{"id": "1", "text": "' + "x" * n
    yield "backslashes", '{"id": "1", "text": "' + "\\" * n
    yield "spaces", " " * n + "{}"
    yield "long list", "[1" + ",1" * (n // 2)


HOSTILE = {"webnlg": hostile_xml, "e2e": hostile_csv, "viggo": hostile_csv, "ldc2017t10": hostile_amr}


def files_of(target: Target, how: str, numbers: list[int]) -> Iterator[tuple[str, bytes]]:
    """(name, content) of each malformed file."""
    if how == "random":
        seed, count = numbers
        names = [f"{seed}-{number}" for number in range(count)]
        yield from ((name, damaged(target.content, f"{target.name}-{name}")) for name in names)
    else:
        make = HOSTILE.get(target.name.partition("_")[0], hostile_predictions)
        yield from ((name, content.encode()) for name, content in make(*numbers))


def read_each(target: Target, files: Iterator[tuple[str, bytes]]) -> dict[str, Any]:
    target.path.parent.mkdir(parents=True, exist_ok=True)
    before = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()
    found: dict[str, Any] = {"read": 0, "refused": 0, "slowest": [0.0, ""], "wrong": []}
    for name, content in files:
        target.path.write_bytes(content)
        limit = before + MEMORY + len(content) * MEMORY_PER_BYTE
        resource.setrlimit(resource.RLIMIT_AS, (limit, resource.RLIM_INFINITY))
        for mode in target.modes:
            start = time.perf_counter()
            try:
                target.read(mode)
                found["read"] += 1
            except Exception as error:
                if type(error) is target.error:
                    found["refused"] += 1
                    try:
                        target.check(str(error))
                    except AssertionError:
                        found["wrong"].append(f"{name} ({mode}): said {str(error)[:300]!r}")
                else:
                    found["wrong"].append(f"{name} ({mode}): {type(error).__name__}: {str(error)[:300]!r}")
            seconds = time.perf_counter() - start
            found["slowest"] = max(found["slowest"], [round(seconds, 2), f"{name} ({mode})"])
    return found


def main(name: str, folder: str, how: str, *numbers: str) -> None:
    target = (Predictions if name.startswith("predictions") else Target)(name, Path(folder))
    print(json.dumps(read_each(target, files_of(target, how, list(map(int, numbers))))))


if __name__ == "__main__":
    main(*sys.argv[1:])
