"""A file's lines, the JSON object of each, and its fields by kind: what is not as expected is one RecordError."""

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, TypeVar

from datatuner.errors import RecordError, shorten

T = TypeVar("T")


def lines_of(path: Path) -> list[str]:
    """The file's lines without their ends (`\\n` or `\\r\\n` alone) and without a byte order mark.

    Raises:
        RecordError: the file cannot be read, or is no UTF-8.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise RecordError(f"{path}: cannot be read: {error.strerror or error}. Check the name.") from error
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        found = f"the byte {error.object[error.start]:#04x}"
        raise RecordError(f"{path}:{line}: expected UTF-8, found {found}. Convert the file to UTF-8.") from error
    lines = text.split("\n")
    if not lines[-1]:
        lines.pop()
    return [line.removesuffix("\r") for line in lines]


def objects_of(path: Path) -> Iterator["Fields"]:
    """The JSON object of each line.

    Raises:
        RecordError: as `lines_of` and `fields_of`.
    """
    for number, line in enumerate(lines_of(path), start=1):
        yield fields_of(line, f"{path}:{number}")


def fields_of(line: str, where: str) -> "Fields":
    """The JSON object in `line`; `where` stands before every complaint about it.

    Raises:
        RecordError: it is no JSON object, or a key stands twice.
    """
    value = json_of(line, where, "a JSON object")
    if not isinstance(value, dict):
        raise RecordError.at(where, "a JSON object", _describe(value))
    return Fields(where, value)


def json_of(text: str, where: str, expected: str) -> object:
    """The JSON value in `text`.

    Raises:
        RecordError: it is none, or a key stands twice in an object of it.
    """
    try:
        value: object = json.loads(text, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else str(error).partition(":")[0]
        raise RecordError.at(where, expected, f"{shorten(text)} ({reason})") from error
    return value


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    values = dict(pairs)
    if len(values) < len(pairs):
        raise ValueError("a key stands twice")
    return values


@dataclass(frozen=True, slots=True)
class Fields:
    """One JSON object and where it stands. Each getter returns a field of its kind, or raises RecordError."""

    where: str
    values: dict[str, object]

    def refuse(self, expected: str, found: str) -> NoReturn:
        raise RecordError.at(self.where, expected, found)

    def _get(self, name: str, kind: type[T] | tuple[type[T], ...], expected: str) -> T:
        if name not in self.values:
            self.refuse(f"'{name}' with {expected}", "no such field")
        value = self.values[name]
        # bool is an int in Python, not in JSON
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            self.refuse(f"'{name}' with {expected}", _describe(value))
        return value

    def text(self, name: str) -> str:
        value = self._get(name, str, "a string")
        self._check_whole(name, value)
        return value

    def identifier(self) -> str:
        """`id`: a string that is not empty, or a whole number."""
        expected = "a string or a whole number"
        try:
            value = str(self._get("id", (str, int), expected))
        except ValueError:  # Python writes no number of thousands of digits
            self.refuse(f"'id' with {expected}", "a number of more than 4,000 digits")
        self._check_whole("id", value)
        return value or self.refuse(f"'id' with {expected}", "an empty string")

    def _check_whole(self, name: str, value: str) -> None:
        if not value.isascii() and any("\ud800" <= character <= "\udfff" for character in value):
            self.refuse(f"'{name}' with a string of whole characters", f"half a surrogate pair in {shorten(value)}")

    def flag(self, name: str) -> bool:
        return self._get(name, bool, "true or false")

    def count(self, name: str, least: int = 1) -> int:
        expected = f"a whole number above {least - 1}" if least else "a whole number"
        value = self._get(name, int, expected)
        if value < least:
            self.refuse(f"'{name}' with {expected}", _describe(value))
        return value

    def number(self, name: str) -> float:
        expected = "a finite number"
        value = self._get(name, (int, float), expected)
        if not abs(value) <= sys.float_info.max:  # also true of NaN, and of whole numbers that no float holds
            self.refuse(f"'{name}' with {expected}", _describe(value))
        return float(value)

    def texts(self, name: str) -> list[str]:
        """A list of strings."""
        return [text for (text,) in self._rows(name, [[item] for item in self._get(name, list, "a list of strings")])]

    def rows(self, name: str, width: int, expected: str) -> list[list[str]]:
        """A list of lists of `width` strings."""
        rows = self._get(name, list, expected)
        for row in rows:
            if not isinstance(row, list) or len(row) != width:
                found = f"a list of {len(row)}" if isinstance(row, list) else _describe(row)
                self.refuse(f"'{name}' with {expected}", found)
        return self._rows(name, rows)

    def words(self, name: str) -> dict[str, str]:
        """An object of strings; {} where the field is left out."""
        values = self._get(name, dict, "an object of strings") if name in self.values else {}
        return dict(self._rows(name, [[key, value] for key, value in values.items()]))

    def _rows(self, name: str, rows: list[list[object]]) -> list[list[str]]:
        for value in (value for row in rows for value in row):
            if not isinstance(value, str):
                self.refuse(f"'{name}' with strings (numbers too in quotes)", _describe(value))
            self._check_whole(name, value)
        return rows  # type: ignore[return-value]

    def optional(self, name: str, getter: Callable[[str], T]) -> T | None:
        """The field by its own getter; None where it is null or left out."""
        return None if self.values.get(name) is None else getter(name)

    def nullable(self, name: str, getter: Callable[[str], T]) -> T | None:
        """The field by its own getter; None where it is null. It must not be left out."""
        return getter(name) if self.values.get(name, ...) is not None else None

    def object(self, name: str) -> "Fields":
        value = self._get(name, dict, "an object")
        return Fields(f"{self.where}: {name}", value)

    def objects(self, name: str, least: int = 1) -> list["Fields"]:
        expected = "a list of one or more objects" if least else "a list of objects"
        fields = []
        for number, item in enumerate(self._get(name, list, expected), start=1):
            if not isinstance(item, dict):
                self.refuse(f"'{name}' with {expected}", _describe(item))
            fields.append(Fields(f"{self.where}: {name} {number}", item))
        if len(fields) < least:
            self.refuse(f"'{name}' with {expected}", "an empty list")
        return fields


def _describe(value: object) -> str:
    if isinstance(value, list):
        return "a list"
    if isinstance(value, dict):
        return "an object"
    try:
        return shorten(json.dumps(value, default=repr))
    except ValueError:  # Python writes no number of thousands of digits
        return "a number of more than 4,000 digits"
