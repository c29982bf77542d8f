"""What a sweep meant: a page for people, tables for terminals, a result for programs."""
