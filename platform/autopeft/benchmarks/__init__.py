"""How fast it is, beside what a user would have instead: ``python -m autopeft.benchmarks``."""
