# Functions that the files of rules use: which files and options a job has, by its wildcards.
from collections import defaultdict


def folder_of(pattern):
    """A folder that a command is given as a whole, by the wildcards of its files."""
    return lambda wildcards: pattern.format(**wildcards)


def raw_files(wildcards):
    """What a data set is prepared from: a fetched archive's record, or a user's own files as they are."""
    name = corpora.base(wildcards.dataset)
    if name in corpora.names():
        return [f"data/raw/{name}/source.json"]
    found = sorted(str(path) for path in Path(f"data/raw/{name}").glob("*") if path.suffix in {".jsonl", ".tsv"})
    return found or [f"data/raw/{name}/train.jsonl"]


def raw_folder(wildcards):
    return f"data/raw/{corpora.base(wildcards.dataset)}"


def reader_code(wildcards):
    return code_digest("steps.prepare", corpora.reader_module(wildcards.dataset).removeprefix("labelpolicy."))


def classifier_settings(*sections):
    """The options that carry a classifier's parameters and these sections, by the classifier of the path."""

    def options(wildcards):
        entry = classifiers.load(wildcards.classifier)
        return settings(study, *entry.sections, *["device", "threads"] * entry.uses_torch, *sections)

    return options


def step_code(*modules):
    """The digest of a step's code, with the classifier of the path."""
    return lambda wildcards: code_digest(*modules, *classifiers.load(wildcards.classifier).modules)


def learning_settings(wildcards):
    """The options that carry the parameters of a learned policy and of the classifier that it is learned with."""
    return classifier_settings(f"policies.{wildcards.policy}")(wildcards)


def learned_on_scores(wildcards):
    """Options of learning on scores, by the name of the thresholds."""
    policy, at_least_one, _ = Thresholds.parse(wildcards.thresholds)
    options = ["--learned", policy, *["--at-least-one"] * at_least_one]
    return options + settings(study, f"policies.{policy}", "threads")


def documents(thresholds):
    """What thresholds are fitted on or applied to, and the table of the labels."""
    return ["labels.parquet", "valid.parquet", "test.parquet", *["train.parquet"] * Thresholds.parse(thresholds)[2]]


def decided_documents(wildcards):
    return processed(wildcards.dataset, *documents(wildcards.thresholds))


def decided_scores(wildcards):
    return str(trained(wildcards).with_thresholds(wildcards.thresholds).scores())


def policy_of(wildcards):
    return list(policy_behind(trained(wildcards), wildcards.thresholds).values())


def learned_option(wildcards):
    return learned_options(policy_behind(trained(wildcards), wildcards.thresholds))


def learned_options(behind):
    return each("learned", [f"{policy}={path}" for policy, path in behind.items()])


def decided_together():
    """(classifier, weights, thresholds) decided in one job, by a name; and the data sets that have exactly these.

    The ablation's own thresholds, which may need policies that no row of the sheet does, are not in one job with the
    sheet's; nor are, on out-of-fold scores, those with and without +one, whose learned thresholds differ.
    """
    jobs, datasets = {}, defaultdict(list)
    for dataset in DATASETS:
        sheet = [row.cell for row in rows_of(methods, dataset)]
        ablation = [row.cell for row in ablation_rows(dataset) if row.cell not in sheet]
        for of, cells in (("decide", sheet), ("decide_ablation", ablation)):
            together = defaultdict(list)
            for classifier, weights, thresholds in cells:
                _, at_least_one, out_of_fold = Thresholds.parse(thresholds)
                kind = ("_one_oof" if at_least_one else "_oof") if out_of_fold else ""
                together[classifier, weights, f"{of}_{classifier}_{weights}{kind}"].append(thresholds)
            for (classifier, weights, name), thresholds in together.items():
                job = (classifier, weights, tuple(thresholds))
                datasets[job].append(dataset)
                jobs.setdefault(job, name if name not in jobs.values() else f"{name}_{dataset}")
    return [(re.sub(r"\W", "_", name), *job, datasets[job]) for job, name in jobs.items()]


def initialised_settings(wildcards):
    return ["--init", wildcards.init, *learning_settings(wildcards)]


def runs_of_sweep(wildcards):
    """metrics.json of every run of a sweep: thresholds and weights are the policy's."""
    policy, inits = wildcards.policy, range(1, study.robustness.initialisations + 1)
    runs = [Trained(wildcards.dataset, wildcards.classifier, policy, wildcards.seed, init) for init in inits]
    return decided([run.with_thresholds(policy) for run in runs], "metrics.json")


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


def figure_arguments(figure):
    """What stands between the figure's name and its outputs on the command line."""
    named = options_of(*(name for name in figure.inputs if name != "files"))
    patterns = [*("--title", figure.title)[: 2 * bool(figure.title)], *figure.arguments]

    def arguments(wildcards, input):
        folder = [PROCESSED.format(**wildcards)] * bool(figure.data)
        files = listed(input.get("files", [])) + named(wildcards, input)
        labels = study.report.labels.get(wildcards.dataset, []) if figure.with_labels else []
        return [*folder, *files, *(word.format(**wildcards) for word in patterns), *each("label", labels)]

    return arguments


def caption(kind):
    file = f"../report/figures/{kind}.rst"
    return file if Path(workflow.current_basedir, file).exists() else None


def seed0_histories():
    """history.parquet of every training of seed 0."""
    return sorted(in_folders([cell for cell in CELLS if cell.seed == 0], "history.parquet"))


def seed0_traces():
    """trace.parquet of every learned policy of seed 0."""
    return sorted(in_folders([policy for policy in LEARNED_POLICIES if policy.seed == 0], "trace.parquet"))


def ablation_metrics(wildcards):
    """metrics.json of every cell of the ablation."""
    if not ABLATION_CELLS:
        raise WorkflowError(
            f"params.yaml: ablation.classifiers: no data set of the grid has rows of {', '.join(study.ablation.classifiers)}"
            f" in {METHODS}"
        )
    return decided(ABLATION_CELLS, "metrics.json")


def results_of_table(wildcards):
    """Tables 1 and 4 are statistics of the data, 2 and 5 results, 3 and 6 robustness."""
    if wildcards.number in "25":
        return {"metrics": "results/metrics.parquet", "significance": "results/significance.parquet"}
    return {"robustness": SHOWN_SWEEPS} if wildcards.number in "36" else {}


def is_main(cell):
    """Whether a cell is the study's own: a classifier of the paper as it is, or with something learned."""
    learned = {cell.weights, cell.parts.rule} & set(study.policies)
    is_plain = (cell.weights, cell.thresholds) == ("uniform", "fixed")
    of_paper = classifiers.load(cell.classifier).trained_by_gradient and cell.classifier in classifiers_of(cell.dataset)
    return of_paper and (is_plain or bool(learned))
