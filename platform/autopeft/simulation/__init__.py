"""Searches without training: on recorded curves, test functions and synthetic curves."""
