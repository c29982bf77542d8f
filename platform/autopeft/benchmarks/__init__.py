"""How fast it is, beside what a user would have instead: ``python -m autopeft.benchmarks``.

Every side runs in a process of its own, the sides take turns, and the tables hold medians with
the lowest and highest round. ``docs/reference/benchmarks.md`` says what is counted.
"""
