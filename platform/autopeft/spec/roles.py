"""The places of a model that a user can name, whatever its family."""

from autopeft.core.choices import known_words

ROLES = (
    "audio.attention",
    "audio.ffn",
    "audio.all",
    "text.attention",
    "text.ffn",
    "text.all",
    "projection",
)
LAYERS = ("all", "top_half", "top_quarter", "last")


def check_roles(roles: str) -> str:
    """Return ``roles`` if it is a sum of known roles such as ``audio.all+projection``.

    Raises:
        ValueError: A part is unknown or stands twice.

    Example:
        >>> check_roles("audio.all+projection")
        'audio.all+projection'
    """
    parts = roles.split("+")
    for part in parts:
        if part not in ROLES:
            raise ValueError(f"no role named {part!r}{known_words(part, list(ROLES))}")
    if len(set(parts)) < len(parts):
        raise ValueError(f"{roles!r} names a role twice")
    return roles
