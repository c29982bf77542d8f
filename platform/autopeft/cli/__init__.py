"""Words typed, calls made: one file per verb, no logic in them."""
