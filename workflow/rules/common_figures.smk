# The figures; nothing is computed here, results are only shown. A figure is an entry of FIGURES and a module
# labelpolicy/report/figures/{kind}.py, with a caption in report/figures if it is to have one; steps.smk draws them.
from collections.abc import Callable
from typing import NamedTuple


class Step(NamedTuple):
    """A step of one job. Inputs called "files" stand alone on the command line, "read" are not on it."""

    message: str
    inputs: dict
    outputs: dict
    arguments: list | Callable = []  # what stands first
    settings: list = []
    command: str = ""  # where it is not called as the rule
    code: str = ""  # the module, where it is not called as the command
    log: str = ""  # where it is not called as the rule
    function: Callable | None = None  # of the wildcards: more inputs, by name
    group: str = "results"
    written: bool = True  # whether outputs are options


class Figure(NamedTuple):
    """What a figure is drawn from, and for which learned policies."""

    shown_as: str  # in Snakemake's report
    category: str
    drawn_for: Callable  # of data set and classifier: names of policies; "" is a figure of all of them, or of none
    folder: str  # below the classifier's: that of a policy, or none
    inputs: dict  # patterns or functions, by the option that takes them; "files" have none
    data: tuple = ()  # files of the prepared data set, whose folder then stands first
    title: str = ""
    arguments: tuple = ()
    with_labels: bool = False  # those of params.yaml that are to be shown
    outputs: dict = {}  # besides PDF and PNG, endings by the option that takes them
    in_summary: bool = False  # and so part of the main job


def seed0(file, names):
    """The file of a classifier trained with each of some label weights, for seed 0."""

    def files(wildcards):
        weights = names(wildcards.dataset, wildcards.classifier)
        return in_folders([Trained(wildcards.dataset, wildcards.classifier, each, 0) for each in weights], file)

    return files


def once_if(condition):
    return lambda dataset, classifier: [""] if condition(dataset, classifier) else []


def is_trained_by_gradient(dataset, classifier):
    return classifiers.load(classifier).trained_by_gradient


def has_uniform_weights(dataset, classifier):
    return "uniform" in weights_of(dataset, classifier)


def policies_with_both_rows(dataset, classifier):
    """Policies that decide what they trained, where the sheet has what they are compared with too."""
    cells = {row.cell for row in rows(dataset, classifier)}
    both = [name for name in policies_of(dataset, classifier) if (classifier, name, name) in cells]
    return both if (classifier, "uniform", "fixed") in cells else []


def policies_of_typing(dataset, classifier):
    return policies_of(dataset, classifier) if corpora.task(dataset) == "typing" else []


def swept_policies(dataset, classifier):
    return [study.robustness.policy] if (dataset, classifier) in SWEPT and study.report.robustness else []


CLASSIFIER_ON_DATASET = "{classifier} on {dataset}"
LEARNED0 = Trained("{dataset}", "{classifier}", "{policy}", 0)
UNIFORM0 = replace(LEARNED0, weights="uniform")
FIGURES = {
    "learning_curve": Figure(
        shown_as="learning curve",
        category="Training",
        drawn_for=once_if(is_trained_by_gradient),
        folder="",
        inputs={"files": seed0("history.parquet", weights_of)},
        title=CLASSIFIER_ON_DATASET,
        in_summary=True,
    ),
    "trace": Figure(
        shown_as="trace",
        category="Policies",
        drawn_for=once_if(policies_of),
        folder="",
        inputs={"files": seed0("trace.parquet", policies_of)},
        title=CLASSIFIER_ON_DATASET,
        in_summary=True,
    ),
    "policy": Figure(
        shown_as="w and p",
        category="Policies",
        drawn_for=policies_of,
        folder="{policy}",
        inputs={"policy": in_folders([LEARNED0], "policy.json")},
        data=("labels.parquet", "dataset.json"),
        in_summary=True,
    ),
    "label_f1": Figure(
        shown_as="F1 by label",
        category="Labels",
        drawn_for=policies_with_both_rows,
        folder="{policy}",
        inputs={
            "files": decided(
                [UNIFORM0.with_thresholds("fixed"), LEARNED0.with_thresholds("{policy}")], "labels.parquet"
            )
        },
        title=CLASSIFIER_ON_DATASET,
        arguments=("--before", "uniform, 0.5", "--after", "{policy}"),
        in_summary=True,
    ),
    "precision_recall": Figure(
        shown_as="precision and recall",
        category="Labels",
        drawn_for=once_if(has_uniform_weights),
        folder="",
        inputs={"scores": in_folders([UNIFORM0], "scores.parquet")},
        data=("labels.parquet", "valid.parquet", "test.parquet"),
        title=f"{CLASSIFIER_ON_DATASET}, uniform weights",
        with_labels=True,
    ),
    "weights": Figure(
        shown_as="w (Figure 5)",
        category="Policies",
        drawn_for=once_if(policies_of),
        folder="",
        inputs={"policy": seed0("policy.json", policies_of)},
        data=("labels.parquet",),
        title=CLASSIFIER_ON_DATASET,
        with_labels=True,
    ),
    "weight_tree": Figure(
        shown_as="w over the hierarchy",
        category="Policies",
        drawn_for=policies_of_typing,
        folder="{policy}",
        inputs={"policy": in_folders([LEARNED0], "policy.json")},
        data=("labels.parquet", "dataset.json"),
        title=f"{CLASSIFIER_ON_DATASET}, policy {{policy}}",
        outputs={"correlations": "json"},
    ),
    "reward": Figure(
        shown_as="Eq. 6 (Figure 3)",
        category="Policies",
        drawn_for=policies_with_both_rows,
        folder="{policy}",
        inputs={
            "policy": in_folders([LEARNED0], "policy.json"),
            "scores": in_folders([LEARNED0], "scores.parquet"),
        },
        data=("labels.parquet", "valid.parquet"),
        title=f"{CLASSIFIER_ON_DATASET}, policy {{policy}}",
    ),
    "robustness": Figure(
        shown_as="robustness",
        category="Policies",
        drawn_for=swept_policies,
        folder="{policy}",
        inputs={"files": "results/robustness/{dataset}/{classifier}/{policy}/seed0.parquet"},
    ),
}


def figures(wildcards=None, ending="png", only_summary=False):
    """The figures of the study, by data set and classifier."""
    return [
        str(Path("results/figures", dataset, classifier, policy, f"{kind}.{ending}"))
        for dataset in DATASETS
        for classifier in classifiers_of(dataset)
        for kind, figure in FIGURES.items()
        if figure.in_summary or not only_summary
        for policy in figure.drawn_for(dataset, classifier)
    ]


def figure_step(kind, figure):
    """The step that draws a figure."""
    place = f"figures/{{dataset}}/{{classifier}}/{figure.folder}/{kind}".replace("//", "/")
    patterns = [*("--title", figure.title)[: 2 * bool(figure.title)], *figure.arguments]

    def arguments(wildcards):
        folder = [PROCESSED.format(**wildcards)] * bool(figure.data)
        labels = study.report.labels.get(wildcards.dataset, []) if figure.with_labels else []
        return [*folder, *(word.format(**wildcards) for word in patterns), *each("label", labels)]

    caption = f"../report/figures/{kind}.rst"
    png = report(
        f"results/{place}.png",
        category="Figures",
        subcategory=figure.category,
        caption=caption if Path(workflow.current_basedir, caption).exists() else None,
        labels={
            "data set": "{dataset}",
            "classifier": "{classifier}",
            "policy": figure.folder or "all",
            "figure": figure.shown_as,
        },
    )
    return Step(
        f"Figure {place}".replace("{", "{wildcards."),
        {"read": expand(f"{PROCESSED}/{{file}}", file=figure.data, allow_missing=True), **figure.inputs},
        {"pdf": f"results/{place}.pdf", "png": png}
        | {name: f"results/{place}.{ending}" for name, ending in figure.outputs.items()},
        arguments=arguments,
        command=f"figure {kind.replace('_', '-')}",
        code=f"report.figures.{kind}",
        log=place,
        group="figures",
    )
