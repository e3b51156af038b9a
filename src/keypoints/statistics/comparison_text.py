"""A comparison as text: a table of errors, the faces that changed most, and a verdict."""

from keypoints.statistics.comparison import Comparison


def format_verdict(comparison: Comparison, old: str, new: str) -> str:
    """One sentence about the sides of these names: better, worse, or no significant difference."""
    low, high = comparison.decisive.interval
    metric, difference = comparison.metric, comparison.decisive.difference
    plural = "" if comparison.n_groups == 1 else "s"
    faces = f"{comparison.n_faces} faces in {comparison.n_groups} group{plural}"
    if not comparison.faces["difference"].any():
        return f"{new} and {old} have the same errors on all {faces}"
    if not comparison.decisive.is_significant:
        return (
            f"{new} and {old} do not differ significantly on {faces}: {metric} "
            f"{difference:+.4g}, 95 % interval {low:+.4g} to {high:+.4g}"
        )
    word, direction = ("better", "lower") if high < 0 else ("worse", "higher")
    nearest, furthest = sorted((abs(low), abs(high)))
    return (
        f"{new} is {word} than {old}: {metric} {abs(difference):.4g} {direction}, "
        f"95 % interval {nearest:.4g} to {furthest:.4g}, on {faces}"
    )


def comparison_text(comparison: Comparison, old: str, new: str, *, n_faces: int = 8) -> str:
    """All errors, the faces that changed most, and the verdict, as lines for a terminal."""
    faces = comparison.faces.head(n_faces)
    width = max(len(name) for name in [*comparison.differences, *faces.index]) + 2
    lines = [f"{'':{width}}{'old':>10}{'new':>10}{'new - old':>11}  95 % interval"]
    for column, difference in comparison.differences.items():
        before, after = comparison.errors.loc[column]
        low, high = difference.interval
        lines.append(
            f"{column:{width}}{before:10.4f}{after:10.4f}{difference.difference:+11.4f}  "
            f"{low:+.4f} to {high:+.4f}"
        )
    lines += ["", f"the {len(faces)} faces with the largest changes, {comparison.metric}:"]
    lines += [
        f"{name:{width}}{face.old:10.4f}{face.new:10.4f}{face.difference:+11.4f}"
        for name, face in faces.iterrows()
    ]
    n_old, n_new = comparison.n_seeds
    if n_old == n_new == 1:
        seeds = "does not include the spread between seeds: each side has one training"
    else:
        seeds = f"includes the spread between seeds: {n_old} old and {n_new} new trainings"
    lines += ["", f"{format_verdict(comparison, old, new)}.", f"The interval {seeds}."]
    return "\n".join(lines)
