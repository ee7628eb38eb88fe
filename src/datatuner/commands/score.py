"""`datatuner score`: verdicts on a finished decoding's hypotheses, which reranking sorts by."""

from datatuner.commands.decode import finished, trained
from datatuner.commands.run import ensure_all
from datatuner.composing import command
from datatuner.config import Config
from datatuner.parents import planned_classifier
from datatuner.planning import decode_stage, score_stage


def score(config: Config) -> None:
    classifier = finished(planned_classifier(config), "train stage=classifier")
    decode = finished(decode_stage(config, trained(config)), f"decode split={config.split}")
    ensure_all([score_stage(config, decode, classifier)])


if __name__ == "__main__":
    command("score", score)
