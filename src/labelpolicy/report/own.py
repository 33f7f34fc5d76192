"""What the summary says of a user's own data set: the recommended row and its evidence, and all rows."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from labelpolicy.classifiers.tuning import notes_of
from labelpolicy.config import Parameters, check
from labelpolicy.files import read_json
from labelpolicy.report.facts import Facts
from labelpolicy.report.markup import markdown, markdown_table
from labelpolicy.report.results import DatasetResults, classifier_title, measure_title
from labelpolicy.thresholds.objectives import MEASURES

#: The measures that are shown; what recommends a row is the utility, a weighted sum of the first three.
SHOWN = (*MEASURES, "samples_jaccard")


class About(Parameters):
    dataset: str
    seed: int
    documents: int
    folds: int


class Compared(Parameters):
    """A candidate, and how far it is behind the recommended one."""

    classifier: str
    thresholds: str
    utility: float
    difference: float
    standard_error: float


class Recommended(Parameters):
    """recommended.json, as `labelpolicy recommend` writes it."""

    about: About
    classifier: str
    weights: str
    thresholds: str
    expected: dict[str, tuple[float, float, float]]  # of each measure the value, and the ends of its interval
    compared: list[Compared]

    @classmethod
    def read(cls, path: Path) -> "Recommended":
        return check(cls, read_json(path), str(path))


def sections(
    facts: Facts, results: DatasetResults, recommended: Recommended | None, model: Path | None, tuned: Iterable[Path]
) -> Iterator[str]:
    """The parts of the summary, of which none has the test split choose anything."""
    names = {(method.classifier, method.thresholds): method.name for method in results.methods}
    if recommended is not None:
        yield from _recommendation(recommended, names, results, model)
    yield "### All rows\n"
    yield (
        f"Measures of the {facts.documents['test']:,} test {facts.units}, which chose nothing; ± is the standard "
        f"error {results.whose_error()}. Rows in +OOF have thresholds from out-of-fold scores of all training and "
        "validation documents, the others from validation documents; `sets` learns to choose "
        "whole label sets (docs/thresholds.md).\n"
    )
    rows = [[markdown(each.name), *results.on_test(each, SHOWN)] for each in results.methods]
    yield markdown_table(["Row", *map(measure_title, SHOWN)], rows)
    yield "".join(f"- {markdown(note)}\n" for note in notes_of(tuned, facts.name))


def _recommendation(
    recommended: Recommended, names: dict[tuple[str, str], str], results: DatasetResults, model: Path | None
) -> Iterator[str]:
    key = recommended.classifier, recommended.thresholds
    yield "### Recommended\n"
    yield (
        f"**{markdown(names.get(key, '/'.join(key)))}** ({markdown(classifier_title(key[0]))}; thresholds `{key[1]}`), "
        f"of the rows below the best where {recommended.about.documents:,} training and validation documents were each "
        "decided by what had not seen them. What is expected of new documents like these, with 95 % intervals that "
        f"allow for the choice among {len(recommended.compared)}, and what the test split then measured:\n"
    )
    method = next((each for each in results.methods if (each.classifier, each.thresholds) == key), None)
    on_test = results.on_test(method, SHOWN) if method else [""] * len(SHOWN)
    cells = [
        [measure_title(name), "{:.3f} [{:.3f}, {:.3f}]".format(*recommended.expected[name]), test]
        for name, test in zip(SHOWN, on_test, strict=True)
    ]
    yield markdown_table(["Measure", "Expected", "Test"], cells)
    if model is not None:
        yield (
            "Its model labels new documents (docs/train-save-predict.md):\n\n```sh\n"
            f"labelpolicy predict {model} new.csv --output predictions.csv\n"
            f"echo 'a text' | labelpolicy predict {model} -\n```\n"
        )
    yield "The utility of each candidate there, and its difference to the recommended one with its standard error:\n"
    rows = [
        [
            markdown(names.get((each.classifier, each.thresholds), f"{each.classifier}, {each.thresholds}")),
            f"{each.utility:.3f}",
            f"{each.difference:+.3f} ± {each.standard_error:.3f}",
        ]
        for each in sorted(recommended.compared, key=lambda each: -each.utility)
    ]
    yield markdown_table(["Row", "Utility", "Difference"], rows)
