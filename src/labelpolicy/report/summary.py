"""results/summary.md: the outcome on one page, every number of it read from the results."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence

from labelpolicy.methods import Method, rows_of
from labelpolicy.report.facts import Facts
from labelpolicy.report.markup import markdown, markdown_table
from labelpolicy.report.results import (
    TABLE_MEASURES,
    PaperNumbers,
    Results,
    blocks,
    classifier_title,
    table_of,
)
from labelpolicy.report.tables import results_markdown, results_table


def summary(
    datasets: Sequence[Facts], *, methods: Sequence[Method], results: Results, paper: PaperNumbers, look: Sequence[str]
) -> str:
    """The page as Markdown that reads well in a terminal; ``look`` are the paths it ends with."""
    parts = ["# Results\n"]
    for facts in datasets:
        rows = rows_of(methods, facts.name)
        seeds = results.seeds(facts.name, rows)
        parts.append(f"## {facts.title}\n")
        parts.append(_bullets(facts.remarks))
        parts.append("### Paper and ours\n")
        table = table_of(facts.name)
        measures = TABLE_MEASURES[table]
        parts.append(results_markdown(results_table(facts, methods=rows, results=results, paper=paper, table=table)))
        parts.append("### Chosen by validation\n")
        parts.append(
            "For each classifier, the row with the best mean of the three measures on the validation "
            "split, and what that row reaches on the test split. Thresholds were fitted on the same validation "
            "documents, so rows that fit many numbers look better there than they are.\n"
        )
        parts.append(_chosen(facts.name, rows, results, seeds, measures))
        differences = _learned(facts.name, rows, results, seeds, measures)
        if differences:
            parts.append("### Learned policies against uniform weights and a threshold of 0.5\n")
            parts.append(_difference_sentence(seeds))
            parts.append(differences)
        closed = _ancestor_closure(facts.name, rows, results, seeds, measures)
        if closed:
            parts.append("### Predictions with their ancestors\n")
            parts.append(
                "A label implies its parents: what the test measures become when the ancestors of every predicted "
                "label are predicted too (thresholds.ancestor_closure), after the arrow.\n"
            )
            parts.append(closed)
    if look:
        parts.append("## Where to look\n")
        parts.append("".join(f"- `{path}`\n" for path in look))  # as code, or names with _ would need escapes
    return "\n".join(parts)


def _bullets(lines: Sequence[str]) -> str:
    return "".join(f"- {markdown(line)}\n" for line in lines)


def _chosen(
    dataset: str, methods: Sequence[Method], results: Results, seeds: list[int], measures: Mapping[str, str]
) -> str:
    """The row of each classifier that validation prefers, with its test numbers."""
    rows = []
    for classifier, members in blocks(methods).items():

        def on_validation(method: Method) -> float:
            values = [results.value(dataset, method, measure, split="valid", seeds=seeds) for measure in measures]
            return statistics.fmean(value.mean for value in values)

        best = max(members, key=on_validation)  # the first of equals: the simpler rows come first
        test = [results.value(dataset, best, measure, split="test", seeds=seeds).mean for measure in measures]
        rows.append(
            [markdown(classifier_title(classifier)), markdown(best.name), f"{on_validation(best):.3f}"]
            + [f"{value:.3f}" for value in test]
        )
    return markdown_table(
        ["Classifier", "Row", "validation mean", *(f"{title}, test" for title in measures.values())], rows, left=2
    )


def _difference_sentence(seeds: list[int]) -> str:
    over = (
        f"one seed ({seeds[0]}), so that chance is not told from effect"
        if len(seeds) == 1
        else f"mean ± sample standard deviation of the {len(seeds)} differences, seed by seed"
    )
    return f"Difference on the test split to the same classifier's baseline row; {over}.\n"


def _learned(
    dataset: str, methods: Sequence[Method], results: Results, seeds: list[int], measures: Mapping[str, str]
) -> str:
    """A table of every row that uses a learned policy, as differences; empty if there is none with a baseline."""
    baseline = {method.classifier: method for method in methods if method.is_baseline}
    rows = []
    for method in methods:
        if not method.is_learned or method.classifier not in baseline:
            continue
        cells = []
        for measure in measures:
            ours, base = (
                results.value(dataset, each, measure, split="test", seeds=seeds).by_seed
                for each in (method, baseline[method.classifier])
            )
            gains = [after - before for after, before in zip(ours, base, strict=True)]
            spread = f" ± {statistics.stdev(gains):.3f}" if len(gains) > 1 else ""
            gain = round(statistics.fmean(gains), 3) + 0.0  # + 0.0: never "-0.000"
            cells.append(f"{gain:+.3f}{spread}")
        rows.append([f"{markdown(method.name)} − {markdown(baseline[method.classifier].name)}", *cells])
    return markdown_table(["Row", *measures.values()], rows) if rows else ""


def _ancestor_closure(
    dataset: str, methods: Sequence[Method], results: Results, seeds: list[int], measures: Mapping[str, str]
) -> str:
    """A table of the rows whose test measures change that the closure changes; empty if it changes none."""
    rows = []
    for method in methods:
        ways = [
            [results.given(dataset, method, f"{measure}_{way}", split="test", seeds=seeds) for measure in measures]
            for way in ("as_decided", "ancestor_closure")
        ]
        if any(value is None for way in ways for value in way):
            continue
        before, after = ([f"{value.mean:.3f}" for value in way] for way in ways)
        if before != after:
            rows.append([markdown(method.name), *(f"{b} → {a}" for b, a in zip(before, after, strict=True))])
    return markdown_table(["Row", *measures.values()], rows) if rows else ""
