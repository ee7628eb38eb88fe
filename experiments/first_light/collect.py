"""Writes results.json: the scores of every finished run in runs/, with what trained it."""

import json
from pathlib import Path

FOLDER = Path(__file__).parent


def main() -> None:
    rows = [row(path.parent) for path in sorted(FOLDER.glob("runs/*/evaluate-none-*/done.json"))]
    (FOLDER / "results.json").write_text(json.dumps(rows, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    for found in rows:
        bleu = found["metrics"]["bleu"]
        interval = f"[{bleu['low']:.2f}, {bleu['high']:.2f}]"
        print(f"{found['corpus']:<12} {found['generator']:<18} BLEU {bleu['value']:.2f} {interval}")


def row(evaluate: Path) -> dict[str, object]:
    scores = load(evaluate / "metrics.json")
    decode = Path(load(evaluate / "stage.json")["parents"]["decode"])
    train = Path(load(decode / "stage.json")["parents"]["train"])
    config, done = load(train / "stage.json")["config"], load(train / "done.json")
    wanted = {"seen": scores["breakdown"]["seen"]} if config["corpus"]["name"] == "webnlg" else {}
    return {
        "corpus": config["corpus"]["name"],
        "generator": config["generator"]["name"],
        "states": config["states"],
        "seed": config["seed"],
        "metrics": scores["metrics"],
        "breakdown": wanted,
        "training": {
            key: done[key] for key in ("best", "epochs", "steps", "parameters", "seconds", "norms") if key in done
        },
        "decoding": {key: value for key, value in load(decode / "done.json").items() if key != "provenance"},
        "weights": load(train / "stage.json")["inputs"]["weights"],
        "provenance": done["provenance"],
    }


def load(path: Path) -> dict[str, object]:
    return json.loads(path.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
