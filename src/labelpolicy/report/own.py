"""What the summary says of a user's own data set: the recommended row and its evidence, and all rows."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labelpolicy.classifiers.tuning import notes_of
from labelpolicy.errors import LabelPolicyError
from labelpolicy.files import read_json
from labelpolicy.report.facts import Facts
from labelpolicy.report.markup import markdown, markdown_table
from labelpolicy.report.results import DatasetResults, classifier_title, measure_title
from labelpolicy.thresholds.objectives import MEASURES

#: The measures that are shown; what recommends a row is the utility, a weighted sum of the first three.
SHOWN = (*MEASURES, "samples_jaccard")


@dataclass(frozen=True)
class Recommended:
    """recommended.json, as `labelpolicy recommend` writes it."""

    classifier: str
    thresholds: str
    documents: int
    expected: dict[str, Sequence[float]]  # value and the ends of its interval, by measure
    compared: list[dict[str, Any]]
    dataset: str

    @classmethod
    def read(cls, path: Path) -> "Recommended":
        content = read_json(path)
        try:
            about = content["about"]
            names = str(content["classifier"]), str(content["thresholds"]), int(about["documents"])
            expected: dict[str, Sequence[float]] = {
                name: [float(end) for end in content["expected"][name]] for name in SHOWN
            }
            compared = [
                {"classifier": str(row["classifier"]), "thresholds": str(row["thresholds"])}
                | {name: float(row[name]) for name in ("utility", "difference", "standard_error")}
                for row in content["compared"]
            ]
            if any(len(each) != 3 for each in expected.values()):
                raise ValueError(expected)
            return cls(*names, expected, compared, str(about["dataset"]))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            fault = f"{error!r} where the recommended row should be"
            raise LabelPolicyError(f"{path}: {fault}: run `labelpolicy recommend` again") from None


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
        "validation documents, the others from validation documents; `auto` chooses a rule, `sets` learns to choose "
        "whole label sets (docs/thresholds.md).\n"
    )
    rows = [[markdown(each.name), *_on_test(results, each)] for each in results.methods]
    yield markdown_table(["Row", *map(measure_title, SHOWN)], rows)
    yield "".join(f"- {markdown(note)}\n" for note in notes_of(tuned, facts.name))


def _recommendation(
    recommended: Recommended, names: dict[tuple[str, str], str], results: DatasetResults, model: Path | None
) -> Iterator[str]:
    key = recommended.classifier, recommended.thresholds
    yield "### Recommended\n"
    yield (
        f"**{markdown(names.get(key, '/'.join(key)))}** ({markdown(classifier_title(key[0]))}; thresholds `{key[1]}`), "
        f"of the rows below the best where {recommended.documents:,} training and validation documents were scored "
        "and decided by what had not seen them. What is expected of new documents like these, with 95 % intervals that "
        f"allow for the choice among {len(recommended.compared)}, and what the test split then measured:\n"
    )
    method = next((each for each in results.methods if (each.classifier, each.thresholds) == key), None)
    on_test = _on_test(results, method) if method else [""] * len(SHOWN)
    cells = [
        [measure_title(name), f"{value:.3f} [{low:.3f}, {high:.3f}]", test]
        for (name, (value, low, high)), test in zip(recommended.expected.items(), on_test, strict=True)
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
            markdown(
                names.get((each["classifier"], each["thresholds"]), f"{each['classifier']}, {each['thresholds']}")
            ),
            f"{each['utility']:.3f}",
            f"{each['difference']:+.3f} ± {each['standard_error']:.3f}",
        ]
        for each in sorted(recommended.compared, key=lambda each: -each["utility"])
    ]
    yield markdown_table(["Row", "Utility", "Difference"], rows)


def _on_test(results: DatasetResults, method: Any) -> list[str]:
    """The test measures with their standard errors, where these are known."""
    found = [(results.value(method, name).mean, results.standard_error(method, name)) for name in SHOWN]
    return [f"{value:.3f}" + ("" if error is None else f" ± {error:.3f}") for value, error in found]
