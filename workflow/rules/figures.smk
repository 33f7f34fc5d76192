# The figures; nothing is computed here, results are only shown. A figure is an entry of FIGURES and a module
# labelpolicy/report/figures/{kind}.py, with a caption in report/figures if it is to have one; steps.smk draws them.


class Figure(NamedTuple):
    """What a figure is drawn from, and for which learned policies."""

    shown_as: str  # in Snakemake's report
    category: str
    drawn_for: Callable  # of data set and classifier: names of policies; "" is a figure of all of them, or of none
    inputs: dict  # patterns or functions, by the option that takes them; "files" have none
    folder: str = ""  # below the classifier's: that of a policy, or none
    data: tuple = ()  # files of the prepared data set, whose folder then stands first
    title: str = "{classifier} on {dataset}"
    settings: list | Callable = []
    outputs: dict = {}  # besides PDF and PNG, endings by the option that takes them
    in_summary: bool = False  # and so part of the main job


def seed0(file, names):
    """The file of a classifier trained with each of some label weights, for seed 0."""
    of = lambda dataset, classifier: [Trained(dataset, classifier, each, 0) for each in names(dataset, classifier)]
    return lambda wildcards: in_folders(of(wildcards.dataset, wildcards.classifier), file)


def once_if(condition):
    return lambda dataset, classifier: [""] if condition(dataset, classifier) else []


def policies_with_both_rows(dataset, classifier):
    """Policies that decide what they trained, where the sheet has what they are compared with too."""
    policies = policies_of(dataset, classifier)
    return [policy for policy in policies if len(labels_of(dataset, classifier, ["fixed"], [policy])) == 2]


def labels_of(dataset, classifier, rules, policies, seeds=1):
    """labels.parquet of the rows of the sheet among uniform weights with these rules, and policies with their own."""
    pairs = [("uniform", rule) for rule in rules] + [(policy, policy) for policy in policies]
    cells = {row.cell for row in rows(dataset, classifier)}
    pairs = [pair for pair in pairs if (classifier, *pair) in cells]
    of = [Cell(dataset, classifier, w, seed, thresholds=each) for w, each in pairs for seed in range(seeds)]
    return decided(of, "labels.parquet")


def side_by_side(dataset, classifier):
    rules = ("fixed", "scut", "odr", "shared+one+oof", "sets+oof")
    return labels_of(dataset, classifier, rules, policies_of(dataset, classifier), study.grid.seeds)


def swept_policies(dataset, classifier):
    return [study.robustness.policy] * (study.report.robustness and (dataset, classifier) in SWEPT)


def shown_labels(wildcards):
    return each("label", study.report.labels.get(wildcards.dataset, []))


LEARNED0 = Trained("{dataset}", "{classifier}", "{policy}", 0)
UNIFORM0 = replace(LEARNED0, weights="uniform")
FIGURES = {
    "learning_curve": Figure(
        shown_as="learning curve",
        category="Training",
        drawn_for=once_if(lambda dataset, classifier: checks.classifier_entry(classifier, study).trained_by_gradient),
        inputs={"files": seed0("history.parquet", weights_of)},
        in_summary=True,
    ),
    "trace": Figure(
        shown_as="trace",
        category="Policies",
        drawn_for=once_if(policies_of),
        inputs={"files": seed0("trace.parquet", policies_of)},
        in_summary=True,
    ),
    "policy": Figure(
        shown_as="w and p",
        category="Policies",
        drawn_for=policies_of,
        folder="{policy}",
        inputs={"policy": in_folders([LEARNED0], "policy.json")},
        data=("labels.parquet", "dataset.json"),
        title="{classifier} on {dataset}, policy {policy}",
        in_summary=True,
    ),
    "label_f1": Figure(
        shown_as="F1 by label",
        category="Labels",
        drawn_for=policies_with_both_rows,
        folder="{policy}",
        inputs={"files": lambda w: labels_of(w.dataset, w.classifier, ("fixed", "shared"), [w.policy])},
        in_summary=True,
    ),
    "f1_by_frequency": Figure(
        shown_as="F1 by frequency",
        category="Labels",
        drawn_for=once_if(lambda *place: len(side_by_side(*place)) > study.grid.seeds),
        inputs={"files": lambda w: side_by_side(w.dataset, w.classifier)},
        in_summary=True,
    ),
    "precision_recall": Figure(
        shown_as="precision and recall",
        category="Labels",
        drawn_for=once_if(lambda dataset, classifier: "uniform" in weights_of(dataset, classifier)),
        inputs={"scores": in_folders([UNIFORM0], "scores.parquet")},
        data=("labels.parquet", "valid.parquet", "test.parquet"),
        title="{classifier} on {dataset}, uniform weights",
        settings=shown_labels,
    ),
    "weights": Figure(
        shown_as="w (Figure 5)",
        category="Policies",
        drawn_for=once_if(policies_of),
        inputs={"policy": seed0("policy.json", policies_of)},
        data=("labels.parquet",),
        settings=shown_labels,
    ),
    "weight_tree": Figure(
        shown_as="w over the hierarchy",
        category="Policies",
        drawn_for=lambda dataset, classifier: policies_of(dataset, classifier) * (corpora.task(dataset) == "typing"),
        folder="{policy}",
        inputs={
            "policy": in_folders([replace(LEARNED0, seed=seed) for seed in range(study.grid.seeds)], "policy.json")
        },
        data=("labels.parquet", "dataset.json"),
        title="{classifier} on {dataset}, policy {policy}",
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
        title="{classifier} on {dataset}, policy {policy}",
    ),
    "robustness": Figure(
        shown_as="robustness",
        category="Policies",
        drawn_for=swept_policies,
        folder="{policy}",
        inputs={"files": "results/robustness/{dataset}/{classifier}/{policy}/seed0.parquet"},
        title="",
    ),
}


def figures(ending="png", only_summary=False):
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
        f"Figure {place}",
        {"read": processed("{dataset}", *figure.data), **figure.inputs},
        {"pdf": f"results/{place}.pdf", "png": png, "svg": f"results/{place}.svg"}
        | {name: f"results/{place}.{ending}" for name, ending in figure.outputs.items()},
        arguments=[PROCESSED] * bool(figure.data) + each("title", [figure.title] if figure.title else []),
        settings=figure.settings,
        command=f"figure {kind.replace('_', '-')}",
        code=code_digest(f"report.figures.{kind}"),
        log=place,
        group="figures",
    )
