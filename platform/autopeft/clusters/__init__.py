"""Get machines, start the driver on them, watch it, stop it."""
