"""The tables of README.md, from results.json: python tables.py."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

CORPORA = {"webnlg": "WebNLG v1.4", "e2e": "cleaned E2E", "viggo": "ViGGO", "ldc2017t10": "AMR (Little Prince)"}


def mean(operations: Mapping[str, Any], key: str) -> float:
    """In percent, over the pairs of the operations that have it."""
    rows = [row for row in operations.values() if row[key] is not None]
    return 100 * sum(row["pairs"] * row[key] for row in rows) / sum(row["pairs"] for row in rows)


def line(cells: Iterable[str]) -> None:
    print(f"| {' | '.join(cells)} |")


def percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f}"


def main() -> None:
    found = json.loads((Path(__file__).parent / "results.json").read_text(encoding="utf-8"))
    for name, title in CORPORA.items():
        for recipe, row in found[name].items():
            means = [f"{mean(row['operations'], key):.1f}" for key in ("meaning_kept", "not_as_labelled", "words_cut")]
            labels = " / ".join(percent(share) for share in row["labels"].values())
            reached = f"{len(row['slots_never_reached'])} of {len(row['slots'])}"
            seconds = f"{row['cpu_seconds']}" + (f" ({row['pairs']:,})" if row["pairs"] < 20_000 else "")
            line(
                [
                    title,
                    f"`{recipe}`",
                    *means,
                    labels,
                    reached,
                    percent(row["text_alone"]["mean"]),
                    seconds,
                    f"{row['peak_mb']}",
                ]
            )
    for recipe in ("audited", "released"):
        print()
        for operation, of_first in found["webnlg"][recipe]["operations"].items():
            each = [found[name][recipe]["operations"][operation] for name in CORPORA]
            keys = ("possible",) if recipe == "audited" else ("possible", "not_as_labelled", "words_cut")
            cells = [
                " / ".join(percent(row[key] if row["pairs"] or key == "possible" else None) for key in keys)
                for row in each
            ]
            line([f"`{operation}`", of_first["label"], *cells])


if __name__ == "__main__":
    main()
