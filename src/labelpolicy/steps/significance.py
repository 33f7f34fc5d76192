"""significance: kept scores and thresholds of all rows -> significance.parquet and .csv; nothing is trained."""

from pathlib import Path
from typing import Annotated, Any

from labelpolicy.data.prepared import Prepared
from labelpolicy.files import write_rows
from labelpolicy.options import FromStudy, MethodsFile, MetricsFile, Output, PreparedFolders, ResultsFolder
from labelpolicy.report.comparisons import SCHEMA, Runs, pairs, significance_rows, warn_of_few_draws
from labelpolicy.report.results import DatasetResults, Results, read_rows
from labelpolicy.significance import Significance


def significance(
    datasets: PreparedFolders,
    metrics: MetricsFile,
    output: Annotated[Path, Output("significance.parquet to write.")],
    csv: Annotated[Path, Output("significance.csv to write.")],
    parameters: Annotated[Significance, FromStudy(lambda study, arguments: study.significance)],
    results: ResultsFolder = Path("results"),
    methods: MethodsFile = Path("workflow/methods.tsv"),
) -> None:
    """Paired bootstrap of the learned rows against the others of their classifier (parameters: significance).

    Each learned row of the sheet is compared with every other row of its classifier, on every data set, over the seeds
    of ``metrics``; of the others those are that a claim is about.

    Raises LabelPolicyError, before anything is computed, for a row or seed without a result or without its files;
    and for a cell whose decisions do not give the collected measures.
    """
    collected = Results(metrics)
    every = read_rows(methods, collected)
    prepared = [Prepared(folder) for folder in datasets]
    found = [Runs(data, DatasetResults(collected, data.name, every), results) for data in prepared]
    compared = [(runs, pairs(runs.collected.methods)) for runs in found]
    warn_of_few_draws(max((len(each) for _, each in compared), default=0), parameters)
    rows: list[tuple] = []
    for runs, comparisons in compared:
        if comparisons:
            documents, tested = runs.compare("test", comparisons, parameters)
            about: dict[str, Any] = {"level": parameters.level, "seeds": len(runs.collected.seeds)}
            rows += significance_rows(runs.data.name, runs.collected.methods, tested, documents=documents, **about)
    write_rows(SCHEMA, rows, parquet=output, csv=csv)
