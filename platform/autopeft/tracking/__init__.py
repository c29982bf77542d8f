"""What happened, kept: the journal is the truth, MLflow and everything else a view of it."""
