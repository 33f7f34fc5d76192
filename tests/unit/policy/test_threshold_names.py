"""Names of thresholds: {rule}[+one][+oof]."""

import pytest

from labelpolicy.policy import thresholds
from labelpolicy.policy.names import AT_LEAST_ONE, scores_file, split_name


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("fixed", ("fixed", False, False)),
        ("shared+one", ("shared", True, False)),
        ("odr+oof", ("odr", False, True)),
        ("meta+one+oof", ("meta", True, True)),
        ("meta+oof+one", ("meta+oof", True, False)),
        ("odr+two+oof", ("odr+two", False, True)),
    ],
)
def test_parts_of_a_name_and_the_scores_it_goes_with(name, parts):
    assert split_name(name) == parts
    assert scores_file(name) == ("out_of_fold.parquet" if parts[2] else "scores.parquet")


def test_the_rules_know_the_same_suffix():
    assert thresholds.rule_of(f"odr{AT_LEAST_ONE}") == split_name(f"odr{AT_LEAST_ONE}")[:2] == ("odr", True)
