"""One configuration: build, adapt, train, evaluate, checkpoint."""
