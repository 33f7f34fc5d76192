"""summary: the outcome on one page of plain Markdown, every number of it read from the results."""

import statistics
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated

import typer

from labelpolicy.data.registry import find
from labelpolicy.files import write_text
from labelpolicy.methods import Method, with_baselines
from labelpolicy.options import MethodsFile, MetricsFile, Output, PaperFile, PreparedFolders, TunedFiles
from labelpolicy.report import own
from labelpolicy.report.facts import Facts, facts_of
from labelpolicy.report.markup import markdown, markdown_table
from labelpolicy.report.results import (
    TABLE_MEASURES,
    DatasetResults,
    PaperNumbers,
    Results,
    classifier_title,
    measure_title,
    read_rows,
)
from labelpolicy.report.tables import results_table

#: Measures beside those of the table of results.
FURTHER = (
    *("samples_jaccard", "samples_f1"),
    *("macro_precision", "macro_recall", "micro_precision", "micro_recall"),
)


def _sections(facts: Facts, results: DatasetResults, paper: PaperNumbers, tuned: Iterable[Path] = ()) -> Iterator[str]:
    measures = TABLE_MEASURES[results.table]
    yield "### Paper and ours\n"
    yield results_table(facts, results, paper, tuned=tuned).markdown()
    if recommended := [*_recommended(results)]:
        yield "### Recommended\n"
        yield (
            "For each classifier the rule `auto`, chosen by cross-fitting without the test split, among the rules with "
            "or without at least one label for every document. What it expects, with 95 % intervals that allow for the "
            "number of candidates, and what it reaches on the test split; means over seeds.\n"
        )
        header = [
            "Classifier",
            "Row",
            *(f"{title}, {of}" for title in measures.values() for of in ("expected", "test")),
        ]
        yield markdown_table(header, recommended, left=2)
    else:
        yield "### Chosen by validation\n"
        yield (
            "For each classifier, the row with the best mean of the three measures on the validation "
            "split, and what that row reaches on the test split. Thresholds were fitted on the same validation "
            "documents, so rows that fit many numbers look better there than they are.\n"
        )
        header = ["Classifier", "Row", "validation mean", *(f"{title}, test" for title in measures.values())]
        yield markdown_table(header, [*_best_by_validation(results)], left=2)
    yield "### Further measures\n"
    yield f"Test split; ± is the standard error {results.whose_error()}. docs/statistics.md has them in words.\n"
    further = [[markdown(method.name), *results.on_test(method, FURTHER)] for method in results.methods]
    yield markdown_table(["Row", *map(measure_title, FURTHER)], further)
    if gains := [*_gains(results)]:
        yield "### Learned policies against uniform weights and a threshold of 0.5\n"
        seeds = results.seeds
        over = f"mean ± sample standard deviation of the {len(seeds)} differences, seed by seed"
        if len(seeds) == 1:
            over = f"one seed ({seeds[0]}), so that chance is not distinguished from effect"
        yield f"Difference on the test split to the same classifier's baseline row; {over}.\n"
        yield markdown_table(["Row", *measures.values()], gains)
    if closed := [*_changed_by_closure(results)]:
        yield "### Predictions with their ancestors\n"
        yield (
            "A label implies its parents: what the test measures become when the ancestors of every predicted "
            "label are predicted too (thresholds.ancestor_closure), after the arrow.\n"
        )
        yield markdown_table(["Row", *measures.values()], closed)


def _recommended(results: DatasetResults) -> Iterator[list[str]]:
    """The rows of the rule auto, with what they expect and what they reach."""
    for method in results.methods:
        row, parts = [markdown(classifier_title(method.classifier)), markdown(method.name)], ("", "_low", "_high")
        for measure in TABLE_MEASURES[results.table]:
            ends = [results.given(method, f"{measure}_expected{part}", "valid") for part in parts]
            value, low, high = (f"{end.mean:.3f}" if end else "" for end in ends)
            row += [f"{value} [{low}, {high}]", f"{results.value(method, measure).mean:.3f}"] if value else []
        if len(row) > 2:
            yield row


def _best_by_validation(results: DatasetResults) -> Iterator[list[str]]:
    """The row of each classifier that validation prefers, with its test numbers."""
    measures = TABLE_MEASURES[results.table]

    def mean(method: Method) -> float:
        return statistics.fmean(results.value(method, measure, "valid").mean for measure in measures)

    for classifier, members in results.blocks().items():
        best = max(members, key=mean)  # the first of equals: the simpler rows come first
        on_test = [f"{results.value(best, measure).mean:.3f}" for measure in measures]
        yield [markdown(classifier_title(classifier)), markdown(best.name), f"{mean(best):.3f}", *on_test]


def _gains(results: DatasetResults) -> Iterator[list[str]]:
    """Every row that uses a learned policy, as differences to its baseline."""
    for method, baseline in with_baselines(results.methods):
        cells = []
        for measure in TABLE_MEASURES[results.table]:
            ours, base = (results.value(each, measure).by_seed for each in (method, baseline))
            gains = [after - before for after, before in zip(ours, base, strict=True)]
            spread = f" ± {statistics.stdev(gains):.3f}" if len(gains) > 1 else ""
            gain = round(statistics.fmean(gains), 3) + 0.0  # + 0.0: never "-0.000"
            cells.append(f"{gain:+.3f}{spread}")
        yield [f"{markdown(method.name)} − {markdown(baseline.name)}", *cells]


def _changed_by_closure(results: DatasetResults) -> Iterator[list[str]]:
    """The rows whose test measures change when the ancestors of predicted labels are predicted too."""
    for method in results.methods:
        cells = []
        for measure in TABLE_MEASURES[results.table]:
            before, after = (results.given(method, f"{measure}_{way}") for way in ("as_decided", "ancestor_closure"))
            if before and after:
                cells.append((f"{before.mean:.3f}", f"{after.mean:.3f}"))
        if any(before != after for before, after in cells):
            yield [markdown(method.name), *(" → ".join(cell) for cell in cells)]


def summary(
    datasets: PreparedFolders,
    metrics: MetricsFile,
    output: Annotated[Path, Output("Markdown file to write.")],
    methods: MethodsFile = Path("workflow/methods.tsv"),
    paper: PaperFile = Path("workflow/paper.tsv"),
    recommended: Annotated[
        list[Path] | None, typer.Option(help="recommended.json of a data set without a reader. Repeatable.")
    ] = None,
    model: Annotated[Path | None, typer.Option(help="The model of what is recommended.")] = None,
    tuned: TunedFiles = None,
    look: Annotated[list[Path] | None, typer.Option(help="A file the summary points to. Repeatable.")] = None,
) -> None:
    """One page: the table, what was best, and where to look."""
    collected = Results(metrics)
    rows = read_rows(methods, collected)
    parts, numbers = ["# Results\n"], PaperNumbers(paper)
    chosen = {each.about.dataset: each for each in map(own.Recommended.read, recommended or ())}
    for facts in facts_of(datasets):
        remarks = "".join(f"- {markdown(remark)}\n" for remark in facts.remarks)
        parts += [f"## {facts.title}\n", remarks]
        if facts.premises:
            parts += ["### What to know of the data\n", "".join(f"- {markdown(each)}\n" for each in facts.premises)]
        results = DatasetResults(collected, facts.name, rows)
        if find(facts.name) is None:
            parts += own.sections(facts, results, chosen.get(facts.name), model, tuned or ())
        else:
            parts += _sections(facts, results, numbers, tuned or ())
    if look:
        # As code, or names with _ would need escapes.
        parts += ["## Where to look\n", "".join(f"- `{path}`\n" for path in look)]
    write_text(output, "\n".join(parts))
