"""A cell of the study, its name and its folder: nothing else puts such a path together or takes one apart."""

import re
from collections.abc import Collection
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

from labelpolicy.errors import LabelPolicyError

AT_LEAST_ONE, OUT_OF_FOLD = "+one", "+oof"
#: The folder, below results/, of a classifier trained with some label weights, in the form of Snakemake's wildcards.
TRAINED = "{dataset}/{classifier}/{weights}/seed{seed}"
#: The folder of what it decides by some rule.
DECIDED = f"{TRAINED}/{{thresholds}}"
#: Between the names of classifiers whose scores are joined (``labelpolicy join``): ``linear-linear_svc``.
JOINED_BY = "-"


def members(classifier: str) -> list[str]:
    """The classifiers whose scores stand behind a name: several of joined ones, else that one.

    >>> members("linear-linear_svc"), members("linear")
    (['linear', 'linear_svc'], ['linear'])
    """
    return classifier.split(JOINED_BY)


class Thresholds(NamedTuple):
    """The parts of a name ``{rule}[+one][+oof]`` of decision thresholds.

    The rule is a key of ``labelpolicy.thresholds.RULES`` or a learned policy. ``+one``: a document always gets a label.
    ``+oof``: fitted on, and applied to, out-of-fold scores (``labelpolicy crossfit``).

    >>> Thresholds.parse("shared+one+oof")
    Thresholds(rule='shared', at_least_one=True, out_of_fold=True)
    """

    rule: str
    at_least_one: bool = False
    out_of_fold: bool = False

    @classmethod
    def parse(cls, name: str, known: Collection[str] | None = None, where: str = "") -> "Thresholds":
        """The parts of a name. Raises LabelPolicyError, beginning with ``where``, for a rule not among ``known``."""
        in_fold = name.removesuffix(OUT_OF_FOLD)
        rule = in_fold.removesuffix(AT_LEAST_ONE)
        if known is not None and rule not in known:
            raise LabelPolicyError(
                f"{where}unknown thresholds {name!r}; expected one of {', '.join(known)}, alone or followed by "
                f"{AT_LEAST_ONE}, {OUT_OF_FOLD} or {AT_LEAST_ONE}{OUT_OF_FOLD}"
            )
        return cls(rule, rule != in_fold, in_fold != name)

    def __str__(self) -> str:
        return self.rule + AT_LEAST_ONE * self.at_least_one + OUT_OF_FOLD * self.out_of_fold

    @property
    def scores_file(self) -> str:
        """The file of scores, in the folder of the trained classifier, that they are fitted on and applied to."""
        return "out_of_fold.parquet" if self.out_of_fold else "scores.parquet"


@dataclass(frozen=True)
class Trained:
    """A classifier trained with some label weights. ``init`` numbers the random initial policies of a robustness run.

    >>> Trained("reuters21578", "linear", "uniform", 0).folder("results").as_posix()
    'results/reuters21578/linear/uniform/seed0'
    """

    dataset: str
    classifier: str
    weights: str
    seed: int
    init: int | None = None

    def folder(self, results: str | Path = "results") -> Path:
        return Path(results) / TRAINED.format_map(vars(self)) / ("" if self.init is None else f"init{self.init}")

    def with_thresholds(self, thresholds: str) -> "Cell":
        return Cell(**asdict(self), thresholds=thresholds)

    @property
    def about(self) -> dict[str, Any]:
        """What files say about where they come from."""
        return {name: value for name, value in asdict(self).items() if value is not None}

    @classmethod
    def of_about(cls, about: Any, where: str | Path) -> Any:
        """The cell that a file names. Raises LabelPolicyError where one of the names is missing or of another type."""
        about, names = about if isinstance(about, dict) else {}, cls.__dataclass_fields__
        for name in names:
            found, kind = about.get(name), int if name in ("seed", "init") else str
            if (found is None and name != "init") or not isinstance(found, (kind, type(None))):
                fault = f"does not say its {name} (found {found!r})"
                raise LabelPolicyError(f"{where}: {fault}: delete it and run the step that writes it")
        return cls(**{name: about.get(name) for name in names})

    @classmethod
    def of_path(cls, path: str | Path) -> "Trained":
        """From the path of a file, or a folder, in the folder of a trained classifier."""
        names = r"([^/]+)/([^/]+)/([^/]+)/seed(\d+)(?:/init(\d+))?"
        found = re.fullmatch(rf".*/{names}(?:/.*)?", Path(path).absolute().as_posix())
        if not found:
            raise LabelPolicyError(f"{path}: not in the folder of a trained classifier, expected .../{TRAINED}/")
        dataset, classifier, weights, seed, init = found.groups()
        return Trained(dataset, classifier, weights, int(seed), int(init) if init else None)


@dataclass(frozen=True)
class Cell(Trained):
    """A trained classifier with decision thresholds by name: a row of the tables, for one data set and seed."""

    thresholds: str = "fixed"

    @property
    def parts(self) -> Thresholds:
        return Thresholds.parse(self.thresholds)

    def decided(self, results: str | Path = "results") -> Path:
        """The folder of metrics.json, thresholds.json and labels.parquet."""
        return self.folder(results) / self.thresholds

    def scores(self, results: str | Path = "results") -> Path:
        """The scores that the thresholds are fitted on and applied to."""
        return self.folder(results) / self.parts.scores_file
