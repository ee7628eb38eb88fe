"""`datatuner score`: verdicts on a finished decoding's hypotheses, which reranking sorts by."""

from datatuner.commands.decode import finished, finished_classifier, trained
from datatuner.commands.run import ensure_all
from datatuner.composing import command
from datatuner.config import Config
from datatuner.planning import decode_stage, score_stage


def score(config: Config) -> None:
    classifier = finished_classifier(config)
    decode = finished(decode_stage(config, trained(config)), "decoding", "decode", "checkpoint=FOLDER")
    ensure_all([score_stage(config, decode, classifier)])


if __name__ == "__main__":
    command("score", score)
