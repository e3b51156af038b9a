"""A comparison in words: a table, the faces that moved most, and one plain sentence."""

from keypoints.statistics.comparison import Comparison


def format_verdict(found: Comparison, old: str, new: str) -> str:
    """Better, worse, or not to be told apart.

    Args:
        found: What was compared.
        old: What the old side is called.
        new: What the new one is.
    """
    low, high = found.decisive.interval
    by = found.metric
    faces = f"{found.n_faces} faces of {found.n_groups} photo(s) or person(s)"
    if not found.faces["difference"].any():
        return f"{new} and {old} have the same errors on all {faces}"
    if not found.decisive.is_significant:
        return (
            f"{new} and {old} are not to be told apart with {faces}: {by} "
            f"{found.decisive.difference:+.4g}, 95 % interval {low:+.4g} to {high:+.4g}"
        )
    word, further = ("better", "lower") if high < 0 else ("worse", "higher")
    nearest, furthest = sorted((abs(low), abs(high)))
    return (
        f"{new} is {word} than {old}: {by} {abs(found.decisive.difference):.4g} {further}, "
        f"95 % interval {nearest:.4g} to {furthest:.4g}, with {faces}"
    )


def comparison_text(found: Comparison, old: str, new: str, *, n_moved: int = 8) -> str:
    """All errors, the faces that moved most, and the sentence, as lines for a terminal."""
    moved = found.faces.head(n_moved)
    width = max(len(name) for name in [*found.differences, *moved.index]) + 2
    lines = [f"{'':{width}}{'old':>10}{'new':>10}{'new - old':>11}  95 % interval"]
    for column, difference in found.differences.items():
        before, after = found.errors.loc[column]
        low, high = difference.interval
        lines.append(
            f"{column:{width}}{before:10.4f}{after:10.4f}{difference.difference:+11.4f}  "
            f"{low:+.4f} to {high:+.4f}"
        )
    lines += ["", f"the {len(moved)} faces that moved most, {found.metric}:"]
    lines += [
        f"{name:{width}}{face.old:10.4f}{face.new:10.4f}{face.difference:+11.4f}"
        for name, face in moved.iterrows()
    ]
    return "\n".join([*lines, "", f"{format_verdict(found, old, new)}.", _seeds_text(found)])


def _seeds_text(found: Comparison) -> str:
    n_old, n_new = found.n_seeds
    if n_old == n_new == 1:
        return "One training a side: what another seed would change is not counted."
    return f"The spread of {n_old} old and {n_new} new trainings is counted."
