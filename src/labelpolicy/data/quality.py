"""How much of a corpus could not be used, and whether that is too much."""

import sys
from typing import Any

from labelpolicy.errors import LabelPolicyError


def check(counted: dict[str, Any], share: float, raw: object) -> None:
    """Say on stderr what could not be used, and refuse a corpus that is rubble.

    ``counted`` is that of a Corpus; its entries by file that say how much was ``read`` and how much of it was ``bad``
    are looked at, with what was bad (``bad_lines``, ``bad_mentions``) and where (``examples``).

    Raises LabelPolicyError, with a summary, where more than ``share`` of a file is bad.
    """
    for name, facts in counted.items():
        if not isinstance(facts, dict) or not facts.get("bad"):
            continue
        kinds = ", ".join(
            f"{count} x {kind}" for kind, count in {**facts["bad_lines"], **facts["bad_mentions"]}.items()
        )
        found = f"{raw}/{name}: {facts['bad']} of {facts['read']} lines and mentions cannot be used"
        first = "; ".join(facts["examples"][:3])
        if facts["bad"] > share * facts["read"]:
            raise LabelPolicyError(
                f"{found}, more than the {share:.1%} of data.bad_share: {kinds}; first: {first}: fetch the file again, "
                "or raise data.bad_share"
            )
        print(f"{found} and are left out: {kinds}; first: {first}; counted in dataset.json", file=sys.stderr)
