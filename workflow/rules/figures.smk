# Figures; nothing is computed here, results are only shown. One rule draws them all: a figure is an entry of FIGURES and
# a module labelpolicy/report/figures/{kind}.py, with a caption in report/figures if it is to have one.
from collections.abc import Callable
from typing import NamedTuple


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


for kind, figure in FIGURES.items():
    stem = f"results/figures/{{dataset}}/{{classifier}}/{figure.folder}/{kind}".replace("//", "/")
    logged = stem.removeprefix("results/")

    rule:
        name:
            f"figure_{kind}"
        message:
            f"Figure {logged}".replace("{", "{wildcards.")
        input:
            **figure.inputs,
            data=expand(f"{PROCESSED}/{{file}}", file=figure.data, allow_missing=True),
        output:
            **{name: f"{stem}.{ending}" for name, ending in figure.outputs.items()},
            pdf=f"{stem}.pdf",
            png=report(
                f"{stem}.png",
                category="Figures",
                subcategory=figure.category,
                caption=caption(kind),
                labels={
                    "data set": "{dataset}",
                    "classifier": "{classifier}",
                    "policy": figure.folder or "all",
                    "figure": figure.shown_as,
                },
            ),
        params:
            kind=kind.replace("_", "-"),
            arguments=figure_arguments(figure),
            outputs=[word for name, ending in figure.outputs.items() for word in (f"--{name}", f"{stem}.{ending}")],
            code=code_digest(f"report.figures.{kind}"),
        log:
            f"logs/{logged}.log",
        benchmark:
            f"logs/benchmarks/{logged}.tsv"
        threads: 1
        resources:
            **asked("figure"),
        group:
            "figures"
        shell:
            "labelpolicy figure {params.kind:q} {params.arguments:q} --pdf {output.pdf:q} --png {output.png:q}"
            " {params.outputs:q} 2> {log:q}"
