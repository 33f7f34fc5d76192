# Which rows and files belong to which milestone (milestones.smk).


def cells():
    """(data set, classifier, weights, seed, thresholds) of every row of the sheet, on every data set, for every seed."""
    return [path.split("/")[1:6] for path in every_cell(None)]


def while_training(thresholds):
    """The rule of thresholds that are not fitted on out-of-fold scores, if any."""
    name, _, out_of_fold = Thresholds.parse(thresholds)
    return [] if out_of_fold else [name]


def learned_policies(wildcards):
    """policy.json of every learned policy that a row needs, for its weights or its thresholds."""
    found = {
        f"results/{dataset}/{classifier}/{policy}/{seed}/policy.json"
        for dataset, classifier, weights, seed, thresholds in cells()
        for policy in {weights, *while_training(thresholds)} & set(study.policies)
    }
    return sorted(found)


def is_main(classifier, weights, thresholds):
    """Whether a row is the study's own: a classifier of the paper as it is, or with something learned."""
    ours = classifiers.load(classifier).trained_by_gradient and "+" not in classifier  # a chain is another way to train
    learned = {weights, Thresholds.parse(thresholds)[0]} & set(study.policies)
    return ours and ((weights, thresholds) == ("uniform", "fixed") or bool(learned))


def decided(main):
    """metrics.json of the study's own rows, or of all the others."""
    return [
        f"results/{dataset}/{classifier}/{weights}/{seed}/{thresholds}/metrics.json"
        for dataset, classifier, weights, seed, thresholds in cells()
        if is_main(classifier, weights, thresholds) == main
    ]


def every_history(wildcards):
    """history.parquet of every training of seed 0."""
    return sorted({f"results/{'/'.join(cell[:4])}/history.parquet" for cell in cells() if cell[3] == "seed0"})


def every_trace(wildcards):
    """trace.parquet of every learned policy of seed 0."""
    return [path.replace("policy.json", "trace.parquet") for path in learned_policies(wildcards) if "/seed0/" in path]
