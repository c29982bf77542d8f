"""Numbers from predictions: numpy in, float out; scores that are not finite give nan."""

from autopeft.metrics.classification import accuracy, cross_entropy, standard_error
from autopeft.metrics.retrieval import map_at_k, recall_at_k

__all__ = ["accuracy", "cross_entropy", "map_at_k", "recall_at_k", "standard_error"]
