"""(source, text) -> typed wrong texts: the fidelity classifier's training pairs (Harkous et al. 2020, section 3.2)."""

from datatuner.corruptions.drawing import corrupt
from datatuner.corruptions.pair import Pair
from datatuner.corruptions.recipes import OPERATIONS

__all__ = ["OPERATIONS", "Pair", "corrupt"]
