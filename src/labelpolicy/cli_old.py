"""The command line: one thin command per step. Nothing else parses arguments.

Steps are imported inside their command, so that no command pays for another's libraries.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
import yaml

from labelpolicy import __version__
from labelpolicy.config import check
from labelpolicy.errors import LabelPolicyError
from labelpolicy.parameters import Study, override

app = typer.Typer(
    name="labelpolicy",
    help="Learned label weights and decision thresholds for multi-label classification.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

Params = Annotated[
    Path | None, typer.Option("--params", help="A YAML file in the form of params.yaml; defaults otherwise.")
]
Assignments = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="SECTION.KEY=VALUE", help="A parameter, over the file's. Repeatable."),
]
Prepared = Annotated[Path, typer.Argument(help="A prepared data set, as `labelpolicy prepare` writes it.")]
Seed = Annotated[int, typer.Option(min=0, help="Seed of everything random.")]


def study(params: Path | None, assignments: list[str] | None) -> Study:
    """Parameters from a file, if given, and the assignments over it."""
    values = {}
    if params is not None:
        if not params.is_file():
            raise LabelPolicyError(f"{params}: no such file: give a YAML file in the form of params.yaml")
        try:
            values = yaml.safe_load(params.read_text(encoding="utf-8")) or {}
        except yaml.YAMLError as error:
            raise LabelPolicyError(f"{params}: not valid YAML: {' '.join(str(error).split())}") from None
        if not isinstance(values, dict):
            raise LabelPolicyError(f"{params}: found a {type(values).__name__}, expected sections as in params.yaml")
    return check(Study, override(values, assignments or []), str(params or "--set"))


def section(values: dict | object, name: str, kind: str):
    """One entry of a section by name, or an error that lists what there is."""
    known = values if isinstance(values, dict) else {key: getattr(values, key) for key in type(values).model_fields}
    if name not in known:
        raise LabelPolicyError(f"{kind} {name!r} is unknown: expected one of {', '.join(known)}")
    return known[name]


@app.callback(invoke_without_command=True)
def root(version: Annotated[bool, typer.Option("--version", help="Print the version and stop.")] = False) -> None:
    if version:
        print(__version__)
        raise typer.Exit


@app.command()
def collect(
    metrics: Annotated[list[Path], typer.Argument(help="metrics.json files of the cells.")],
    output: Annotated[Path, typer.Option(help="metrics.parquet to write.")],
    csv: Annotated[Path, typer.Option(help="metrics.csv to write.")],
) -> None:
    """Gather all metrics in one tidy table."""
    from labelpolicy.steps import collect as step

    step.run(metrics=metrics, output=output, csv=csv)


@app.command()
def flatten(
    metrics: Annotated[Path, typer.Argument(help="metrics.parquet of `labelpolicy collect`.")],
    output: Annotated[Path, typer.Option(help="Folder to write into.")],
    history: Annotated[list[Path] | None, typer.Option(help="history.parquet of a training. Repeatable.")] = None,
    trace: Annotated[list[Path] | None, typer.Option(help="trace.parquet of a learned policy. Repeatable.")] = None,
) -> None:
    """Write metrics and curves as flat JSON and CSV, for tools that show and compare them."""
    from labelpolicy.steps import flatten as step

    step.run(metrics=metrics, histories=history or [], traces=trace or [], output=output)


figure = typer.Typer(help="Draw one figure as PDF and PNG.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(figure, name="figure")

Datasets = Annotated[list[Path], typer.Argument(help="Prepared data sets.")]
Metrics = Annotated[Path, typer.Option(help="metrics.parquet of `labelpolicy collect`.")]
Methods = Annotated[Path, typer.Option(help="The sheet of rows.")]
Paper = Annotated[Path, typer.Option(help="The paper's numbers.")]
RobustnessFiles = Annotated[
    list[Path] | None,
    typer.Option(
        "--robustness",
        help="A file of `labelpolicy robustness`, .../{policy}/seed{n}.parquet; tables 3 and 6. Repeatable.",
    ),
]
SignificanceFile = Annotated[
    Path | None,
    typer.Option("--significance", help="significance.parquet of `labelpolicy significance`."),
]
Title = Annotated[str, typer.Option(help="Title of the figure.")]
Pdf = Annotated[Path, typer.Option(help="PDF to write.")]
Png = Annotated[Path, typer.Option(help="PNG to write.")]


@app.command()
def table(
    number: Annotated[str, typer.Argument(help="The paper's table: 1 to 6.")],
    datasets: Datasets,
    output: Annotated[Path, typer.Option(help="LaTeX file to write.")],
    markdown: Annotated[Path, typer.Option(help="Markdown file to write.")],
    metrics: Annotated[
        Path | None, typer.Option(help="metrics.parquet of `labelpolicy collect`; tables 2 and 5 need it.")
    ] = None,
    robustness: RobustnessFiles = None,
    significance: SignificanceFile = None,
    methods: Methods = Path("workflow/methods.tsv"),
    paper: Paper = Path("workflow/paper.tsv"),
) -> None:
    """A table of the paper with our numbers beside the printed ones."""
    from labelpolicy.steps import table as step

    step.run(
        table=number,
        metrics=metrics,
        methods=methods,
        paper=paper,
        datasets=datasets,
        robustness=robustness or [],
        significance=significance,
        output=output,
        markdown=markdown,
    )


@app.command()
def significance(
    datasets: Datasets,
    metrics: Metrics,
    output: Annotated[Path, typer.Option(help="significance.parquet to write.")],
    csv: Annotated[Path, typer.Option(help="significance.csv to write.")],
    results: Annotated[Path, typer.Option(help="Folder of the cells: scores.parquet and thresholds.json.")] = Path(
        "results"
    ),
    methods: Methods = Path("workflow/methods.tsv"),
    params: Params = None,
    assignments: Assignments = None,
) -> None:
    """Paired bootstrap of the learned rows against all others (parameters: significance)."""
    from labelpolicy.steps import significance as step

    step.run(
        datasets=datasets,
        results=results,
        metrics=metrics,
        methods=methods,
        parameters=study(params, assignments).significance,
        output=output,
        csv=csv,
    )


@app.command()
def robustness(
    metrics: Annotated[list[Path], typer.Argument(help="metrics.json files of the runs, .../init{k}/{policy}/...")],
    output: Annotated[Path, typer.Option(help="Parquet file to write.")],
    csv: Annotated[Path, typer.Option(help="CSV file to write.")],
) -> None:
    """Best, worst, average and standard deviation over runs from random initial policies (Tables 3 and 6)."""
    from labelpolicy.steps import robustness as step

    step.run(metrics=metrics, output=output, csv=csv)


@app.command()
def ablation(
    datasets: Datasets,
    metrics: Metrics,
    output: Annotated[Path, typer.Option(help="Parquet file to write.")],
    csv: Annotated[Path, typer.Option(help="CSV file to write.")],
    latex: Annotated[Path, typer.Option(help="LaTeX file to write.")],
    markdown: Annotated[Path, typer.Option(help="Markdown file to write.")],
    results: Annotated[Path, typer.Option(help="Folder of the cells: scores.parquet and thresholds.json.")] = Path(
        "results"
    ),
    params: Params = None,
    assignments: Assignments = None,
) -> None:
    """What each part of the learned policy is worth (parameters: ablation, policies, significance)."""
    from labelpolicy.steps import ablation as step

    chosen = study(params, assignments)
    names = [chosen.ablation.reference, *chosen.ablation.policies]
    step.run(
        datasets=datasets,
        results=results,
        metrics=metrics,
        ablation=chosen.ablation,
        policies={name: section(chosen.policies, name, "policy") for name in names},
        parameters=chosen.significance,
        output=output,
        csv=csv,
        latex=latex,
        markdown=markdown,
    )


@app.command()
def summary(
    datasets: Datasets,
    metrics: Metrics,
    output: Annotated[Path, typer.Option(help="Markdown file to write.")],
    methods: Methods = Path("workflow/methods.tsv"),
    paper: Paper = Path("workflow/paper.tsv"),
    look: Annotated[list[Path] | None, typer.Option(help="A file the summary points to. Repeatable.")] = None,
) -> None:
    """One page: the table, what was best, and where to look."""
    from labelpolicy.steps import summary as step

    step.run(metrics=metrics, methods=methods, paper=paper, datasets=datasets, look=look or [], output=output)


@app.command()
def reproducing(
    datasets: Datasets,
    metrics: Metrics,
    output: Annotated[Path, typer.Option(help="Markdown file to write.")],
    latex: Annotated[Path, typer.Option(help="LaTeX file to write.")],
    methods: Methods = Path("workflow/methods.tsv"),
    paper: Paper = Path("workflow/paper.tsv"),
    claims: Annotated[Path, typer.Option(help="The paper's claims and how each is judged.")] = Path(
        "workflow/claims.tsv"
    ),
    significance: SignificanceFile = None,
    robustness: RobustnessFiles = None,
) -> None:
    """The paper's claims one by one, beside our numbers, judged by stated rules."""
    from labelpolicy.steps import reproducing as step

    step.run(
        metrics=metrics,
        methods=methods,
        paper=paper,
        claims=claims,
        datasets=datasets,
        significance=significance,
        robustness=robustness or [],
        output=output,
        latex=latex,
    )


@app.command()
def page(
    datasets: Datasets,
    metrics: Metrics,
    output: Annotated[Path, typer.Option(help="HTML file to write.")],
    results: Annotated[Path, typer.Option(help="Folder of the cells' files.")] = Path("results"),
    methods: Methods = Path("workflow/methods.tsv"),
    template: Annotated[Path, typer.Option(help="The page, without its data.")] = Path("workflow/report/page.html"),
    figures: Annotated[list[Path] | None, typer.Option("--figure", help="A PNG to show. Repeatable.")] = None,
) -> None:
    """All cells, their labels and the figures on one page that needs no network."""
    from labelpolicy.steps import page as step

    step.run(
        datasets=datasets,
        results=results,
        metrics=metrics,
        methods=methods,
        figures=figures or [],
        template=template,
        output=output,
    )


@app.command()
def document(
    datasets: Datasets,
    metrics: Metrics,
    output: Annotated[Path, typer.Option(help="PDF to write; without TeX, a note with the ending .md instead.")],
    tables: Annotated[Path, typer.Option(help="Folder of table1.tex to table6.tex.")] = Path("results/tables"),
    claims: Annotated[Path, typer.Option(help="LaTeX of `labelpolicy reproducing`.")] = Path(
        "results/tables/claims.tex"
    ),
    figures: Annotated[list[Path] | None, typer.Option("--figure", help="A PDF to show. Repeatable.")] = None,
    methods: Methods = Path("workflow/methods.tsv"),
    paper: Paper = Path("workflow/paper.tsv"),
    template: Annotated[Path, typer.Option(help="The report's prose.")] = Path("workflow/report/reproduction.tex"),
    params: Params = None,
    assignments: Assignments = None,
) -> None:
    """The report of a run as PDF (parameters: policies, data)."""
    from labelpolicy.steps import document as step

    chosen = study(params, assignments)
    step.run(
        datasets=datasets,
        metrics=metrics,
        methods=methods,
        paper=paper,
        tables=tables,
        claims=claims,
        figures=figures or [],
        template=template,
        policies=chosen.policies,
        data=chosen.data,
        output=output,
    )


@figure.command("policy")
def figure_policy(
    dataset: Prepared,
    policy: Annotated[Path, typer.Option(help="policy.json with weights and thresholds.")],
    pdf: Pdf,
    png: Png,
) -> None:
    """Heatmaps of label weights and thresholds."""
    from labelpolicy.steps import figure as step

    step.heatmap(dataset=dataset, policy=policy, pdf=pdf, png=png)


@figure.command("learning-curve")
def figure_learning_curve(
    histories: Annotated[
        list[Path], typer.Argument(help="history.parquet files, as .../{weights}/seed{n}/history.parquet.")
    ],
    title: Title,
    pdf: Pdf,
    png: Png,
) -> None:
    """Training loss and validation measures per epoch, a line for each kind of label weights."""
    from labelpolicy.steps import figure as step

    step.learning_curve(title=title, histories=by_policy(histories), pdf=pdf, png=png)


@figure.command("trace")
def figure_trace(
    traces: Annotated[list[Path], typer.Argument(help="trace.parquet files, as .../{policy}/seed{n}/trace.parquet.")],
    title: Title,
    pdf: Pdf,
    png: Png,
) -> None:
    """Reward, thresholds and weights while policies are learned, a column for each policy."""
    from labelpolicy.steps import figure as step

    step.trace(title=title, traces=by_policy(traces), pdf=pdf, png=png)


@figure.command("label-f1")
def figure_label_f1(
    first: Annotated[Path, typer.Argument(help="labels.parquet of one row.")],
    second: Annotated[Path, typer.Argument(help="labels.parquet of another.")],
    title: Title,
    pdf: Pdf,
    png: Png,
    before: Annotated[str, typer.Option(help="Name of the first row.")] = "before",
    after: Annotated[str, typer.Option(help="Name of the second row.")] = "after",
) -> None:
    """Test F1 of every label against its training frequency, before and after."""
    from labelpolicy.steps import figure as step

    step.label_f1(title=title, before=first, after=second, names=(before, after), pdf=pdf, png=png)


Shown = Annotated[
    list[str] | None, typer.Option("--label", help="A label to show; none given: a few by frequency. Repeatable.")
]
Scores = Annotated[Path, typer.Option(help="scores.parquet of `labelpolicy train`.")]


@figure.command("reward")
def figure_reward(
    dataset: Prepared,
    policy: Annotated[Path, typer.Option(help="policy.json whose thresholds are used.")],
    scores: Scores,
    title: Title,
    pdf: Pdf,
    png: Png,
) -> None:
    """The reward of Eq. 6 worked out on one validation document (the paper's Figure 3)."""
    from labelpolicy.steps import figure as step

    step.reward(dataset=dataset, policy=policy, scores=scores, title=title, pdf=pdf, png=png)


@figure.command("weights")
def figure_weights(
    dataset: Prepared,
    policies: Annotated[
        list[Path], typer.Option("--policy", help="policy.json, as .../{policy}/seed{n}/policy.json. Repeatable.")
    ],
    title: Title,
    pdf: Pdf,
    png: Png,
    labels: Shown = None,
) -> None:
    """Learned weights of a few labels as colours (the paper's Figure 5)."""
    from labelpolicy.steps import figure as step

    step.weights(dataset=dataset, policies=by_policy(policies), labels=labels or [], title=title, pdf=pdf, png=png)


@figure.command("weight-tree")
def figure_weight_tree(
    dataset: Prepared,
    policy: Annotated[Path, typer.Option(help="policy.json whose weights are drawn.")],
    correlations: Annotated[Path, typer.Option(help="JSON to write: how weights go with depth and frequency.")],
    title: Title,
    pdf: Pdf,
    png: Png,
) -> None:
    """Label weights over the whole hierarchy, and whether parents get less of it."""
    from labelpolicy.steps import figure as step

    step.weight_tree(dataset=dataset, policy=policy, title=title, pdf=pdf, png=png, correlations=correlations)


@figure.command("precision-recall")
def figure_precision_recall(
    dataset: Prepared,
    scores: Scores,
    title: Title,
    pdf: Pdf,
    png: Png,
    labels: Shown = None,
) -> None:
    """Precision and recall at every threshold, for all labels together and for a few."""
    from labelpolicy.steps import figure as step

    step.precision_recall(dataset=dataset, scores=scores, labels=labels or [], title=title, pdf=pdf, png=png)


@figure.command("robustness")
def figure_robustness(
    runs: Annotated[Path, typer.Argument(help="A file of `labelpolicy robustness`.")],
    pdf: Pdf,
    png: Png,
) -> None:
    """Test measures of the runs from random initial policies."""
    from labelpolicy.steps import figure as step

    step.robustness(runs=runs, pdf=pdf, png=png)


def by_policy(paths: list[Path]) -> dict[str, Path]:
    """Paths by the name two folders up: .../{name}/seed{n}/file."""
    return {path.absolute().parts[-3]: path for path in paths}


@app.command()
def publish(
    files: Annotated[list[Path], typer.Argument(help="Small results to keep with the documentation.")],
    folder: Annotated[Path, typer.Option(help="Folder to copy them to.")] = Path("docs/results"),
    readme: Annotated[Path | None, typer.Option(help="Page whose marked tables are replaced, if any.")] = None,
) -> None:
    """Copy a run's small results next to the documentation, and its tables into a page that asks for them."""
    from labelpolicy.steps import publish as step

    step.run(files=files, folder=folder, readme=readme)


@app.command()
def parameters(
    schema: Annotated[Path, typer.Option(help="JSON schema to write.")],
    docs: Annotated[Path, typer.Option(help="Markdown page to write.")],
) -> None:
    """Write the JSON schema of params.yaml and the page that explains every parameter."""
    from labelpolicy.steps import parameters as step

    step.run(schema=schema, docs=docs)


def _main_old() -> None:
    """Run the command line; bad input ends in one line on stderr and status 1."""
    try:
        app()
    except LabelPolicyError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
    except OSError as error:
        print(f"error: {error.filename or 'file system'}: {error.strerror or error}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    _main_old()
