"""Share of wrong labels among the pairs that were read, per label and per operation: python rates.py."""

import json
from collections import Counter
from pathlib import Path


def main() -> None:
    rows = [json.loads(line) for line in (Path(__file__).parent / "judged.jsonl").read_text().splitlines()]
    samples = dict.fromkeys((row["corpus"], row["sample"]) for row in rows)
    for key in ("label", "operation"):
        read = Counter((row["corpus"], row["sample"], row[key]) for row in rows)
        wrong = Counter((row["corpus"], row["sample"], row[key]) for row in rows if not row["right"])
        print(f"| {key} | {' | '.join(f'{corpus} {sample}' for corpus, sample in samples)} |")
        for name in dict.fromkeys(row[key] for row in rows):
            cells = [f"{wrong[*sample, name]}/{read[*sample, name]}" for sample in samples]
            print(f"| {name or 'as it is'} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
