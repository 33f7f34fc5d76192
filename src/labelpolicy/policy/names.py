"""Names of decision thresholds: ``{rule}[+one][+oof]``, as in ``shared+one+oof``.

The rule is a key of ``thresholds.FITS`` or the name of a learned policy. ``+one``: a document always gets a label.
``+oof``: thresholds are fitted on, and applied to, out-of-fold scores (``labelpolicy crossfit``).
"""

from __future__ import annotations

AT_LEAST_ONE, OUT_OF_FOLD = "+one", "+oof"


def split_name(thresholds: str) -> tuple[str, bool, bool]:
    """The rule of a name, whether it has ``+one``, and whether it has ``+oof``.

    What a name of another form has too much stays with its rule, which is then no rule's name.
    """
    in_fold = thresholds.removesuffix(OUT_OF_FOLD)
    rule = in_fold.removesuffix(AT_LEAST_ONE)
    return rule, rule != in_fold, in_fold != thresholds


def scores_file(thresholds: str) -> str:
    """The file of scores, beside a cell's folder, that thresholds of this name are fitted on and applied to."""
    return "out_of_fold.parquet" if split_name(thresholds)[2] else "scores.parquet"
