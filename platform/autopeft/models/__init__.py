"""Bases: load one, check that it is unchanged, and name its attachable layers by role."""

from autopeft.models.load import FAMILIES, TINY_CLAP, Base, checksum, load_base
from autopeft.models.roles import norms, resolve, subblock_outputs, towers

__all__ = [
    "FAMILIES",
    "TINY_CLAP",
    "Base",
    "checksum",
    "load_base",
    "norms",
    "resolve",
    "subblock_outputs",
    "towers",
]
