"""A sweep with nothing left to know: every default and every range stands where it holds."""

from typing import Any

from autopeft.spec.sweep import Sweep


def resolved(sweep: Sweep) -> dict[str, Any]:
    """Return the search file that says all the sweep does; read again, it is the same sweep."""
    template, settings = sweep.template, sweep.settings.model_dump(mode="json")
    sections = [template.written_out(way) for way in template.ways]
    whole = {"name": settings.pop("name"), "seed": settings.pop("seed"), **sections[0]}
    if len(sections) > 1:
        names = template.branch_names
        branches = [{"name": n, **s["method"]} for n, s in zip(names, sections, strict=True)]
        whole["method"] = {"any_of": branches}
    return {**whole, **settings, "cluster": sweep.saved.get("cluster", settings["cluster"])}
