"""What every room may use: errors, named tables, seeds, places and units."""
