# Figures; nothing is computed here, results are only shown.


rule heatmap:
    message:
        "Heatmaps of policy {wildcards.policy}, {wildcards.classifier} on {wildcards.dataset}"
    input:
        "data/processed/{dataset}/labels.parquet",
        "data/processed/{dataset}/dataset.json",
        policy="results/{dataset}/{classifier}/{policy}/seed0/policy.json",
    output:
        pdf=f"results/figures/{FIGURES}/{{policy}}/policy.pdf",
        png=report(
            f"results/figures/{FIGURES}/{{policy}}/policy.png",
            category="Figures",
            subcategory="Policies",
            caption="../report/policy.rst",
            labels={
                "data set": "{dataset}",
                "classifier": "{classifier}",
                "policy": "{policy}",
                "figure": "w and p",
            },
        ),
    params:
        code=code_digest("report.figures.policy"),
    conda:
        "../envs/labelpolicy.yml"
    log:
        f"logs/heatmap/{FIGURES}/{{policy}}.log",
    benchmark:
        f"logs/benchmarks/heatmap/{FIGURES}/{{policy}}.tsv"
    threads: 1
    resources:
        mem_mb=700,
        runtime=10,
    shell:
        "labelpolicy figure policy data/processed/{wildcards.dataset} --policy {input.policy}"
        " --pdf {output.pdf} --png {output.png} 2> {log}"


rule learning_curve:
    message:
        "Learning curve of {wildcards.classifier} on {wildcards.dataset}"
    input:
        lambda wildcards: [
            f"results/{wildcards.dataset}/{wildcards.classifier}/{weights}/seed0/history.parquet"
            for weights in weights_of(wildcards.dataset, wildcards.classifier)
        ],
    output:
        pdf=f"results/figures/{FIGURES}/learning_curve.pdf",
        png=report(
            f"results/figures/{FIGURES}/learning_curve.png",
            category="Figures",
            subcategory="Training",
            caption="../report/learning_curve.rst",
            labels={
                "data set": "{dataset}",
                "classifier": "{classifier}",
                "figure": "learning curve",
            },
        ),
    params:
        code=code_digest("report.figures.learning_curve"),
    conda:
        "../envs/labelpolicy.yml"
    log:
        f"logs/learning_curve/{FIGURES}.log",
    benchmark:
        f"logs/benchmarks/learning_curve/{FIGURES}.tsv"
    threads: 1
    resources:
        mem_mb=700,
        runtime=10,
    shell:
        "labelpolicy figure learning-curve {input} --title '{wildcards.classifier} on {wildcards.dataset}'"
        " --pdf {output.pdf} --png {output.png} 2> {log}"


rule trace:
    message:
        "Trace of the learned policies, {wildcards.classifier} on {wildcards.dataset}"
    input:
        lambda wildcards: [
            f"results/{wildcards.dataset}/{wildcards.classifier}/{policy}/seed0/trace.parquet"
            for policy in policies_of(wildcards.dataset, wildcards.classifier)
        ],
    output:
        pdf=f"results/figures/{FIGURES}/trace.pdf",
        png=report(
            f"results/figures/{FIGURES}/trace.png",
            category="Figures",
            subcategory="Policies",
            caption="../report/trace.rst",
            labels={
                "data set": "{dataset}",
                "classifier": "{classifier}",
                "policy": "all",
                "figure": "trace",
            },
        ),
    params:
        code=code_digest("report.figures.trace"),
    conda:
        "../envs/labelpolicy.yml"
    log:
        f"logs/trace/{FIGURES}.log",
    benchmark:
        f"logs/benchmarks/trace/{FIGURES}.tsv"
    threads: 1
    resources:
        mem_mb=700,
        runtime=10,
    shell:
        "labelpolicy figure trace {input} --title '{wildcards.classifier} on {wildcards.dataset}'"
        " --pdf {output.pdf} --png {output.png} 2> {log}"


rule label_f1:
    message:
        "F1 by label before and after {wildcards.policy}, {wildcards.classifier} on {wildcards.dataset}"
    input:
        before="results/{dataset}/{classifier}/uniform/seed0/fixed/labels.parquet",
        after="results/{dataset}/{classifier}/{policy}/seed0/{policy}/labels.parquet",
    output:
        pdf=f"results/figures/{FIGURES}/{{policy}}/label_f1.pdf",
        png=report(
            f"results/figures/{FIGURES}/{{policy}}/label_f1.png",
            category="Figures",
            subcategory="Labels",
            caption="../report/label_f1.rst",
            labels={
                "data set": "{dataset}",
                "classifier": "{classifier}",
                "policy": "{policy}",
                "figure": "F1 by label",
            },
        ),
    params:
        code=code_digest("report.figures.label_f1"),
    conda:
        "../envs/labelpolicy.yml"
    log:
        f"logs/label_f1/{FIGURES}/{{policy}}.log",
    benchmark:
        f"logs/benchmarks/label_f1/{FIGURES}/{{policy}}.tsv"
    threads: 1
    resources:
        mem_mb=700,
        runtime=10,
    shell:
        "labelpolicy figure label-f1 {input.before} {input.after} --before 'uniform, 0.5' --after {wildcards.policy}"
        " --title '{wildcards.classifier} on {wildcards.dataset}' --pdf {output.pdf} --png {output.png} 2> {log}"


rule reward:
    message:
        "The reward of Eq. 6 worked out for policy {wildcards.policy}, {wildcards.classifier} on {wildcards.dataset}"
    input:
        "data/processed/{dataset}/labels.parquet",
        "data/processed/{dataset}/valid.parquet",
        policy="results/{dataset}/{classifier}/{policy}/seed0/policy.json",
        scores="results/{dataset}/{classifier}/{policy}/seed0/scores.parquet",
    output:
        pdf=f"results/figures/{FIGURES}/{{policy}}/reward.pdf",
        png=report(
            f"results/figures/{FIGURES}/{{policy}}/reward.png",
            category="Figures",
            subcategory="Policies",
            caption="../report/reward.rst",
            labels={
                "data set": "{dataset}",
                "classifier": "{classifier}",
                "policy": "{policy}",
                "figure": "Eq. 6 (Figure 3)",
            },
        ),
    params:
        code=code_digest("report.figures.reward"),
    conda:
        "../envs/labelpolicy.yml"
    log:
        f"logs/reward/{FIGURES}/{{policy}}.log",
    benchmark:
        f"logs/benchmarks/reward/{FIGURES}/{{policy}}.tsv"
    threads: 1
    resources:
        mem_mb=700,
        runtime=10,
    shell:
        "labelpolicy figure reward data/processed/{wildcards.dataset} --policy {input.policy} --scores {input.scores}"
        " --title '{wildcards.classifier} on {wildcards.dataset}, policy {wildcards.policy}'"
        " --pdf {output.pdf} --png {output.png} 2> {log}"


rule weights:
    message:
        "Learned weights of a few labels, {wildcards.classifier} on {wildcards.dataset}"
    input:
        "data/processed/{dataset}/labels.parquet",
        policies=lambda wildcards: [
            f"results/{wildcards.dataset}/{wildcards.classifier}/{policy}/seed0/policy.json"
            for policy in policies_of(wildcards.dataset, wildcards.classifier)
        ],
    output:
        pdf=f"results/figures/{FIGURES}/weights.pdf",
        png=report(
            f"results/figures/{FIGURES}/weights.png",
            category="Figures",
            subcategory="Policies",
            caption="../report/weights.rst",
            labels={
                "data set": "{dataset}",
                "classifier": "{classifier}",
                "policy": "all",
                "figure": "w (Figure 5)",
            },
        ),
    params:
        policies=lambda wildcards, input: options("policy", input.policies),
        labels=shown_labels,
        code=code_digest("report.figures.weights"),
    conda:
        "../envs/labelpolicy.yml"
    log:
        f"logs/weights/{FIGURES}.log",
    benchmark:
        f"logs/benchmarks/weights/{FIGURES}.tsv"
    threads: 1
    resources:
        mem_mb=700,
        runtime=10,
    shell:
        "labelpolicy figure weights data/processed/{wildcards.dataset} {params.policies} {params.labels}"
        " --title '{wildcards.classifier} on {wildcards.dataset}' --pdf {output.pdf} --png {output.png} 2> {log}"


rule weight_tree:
    message:
        "Label weights over the hierarchy, policy {wildcards.policy}, {wildcards.classifier} on {wildcards.dataset}"
    input:
        "data/processed/{dataset}/labels.parquet",
        "data/processed/{dataset}/dataset.json",
        policy="results/{dataset}/{classifier}/{policy}/seed0/policy.json",
    output:
        correlations=f"results/figures/{FIGURES}/{{policy}}/weight_tree.json",
        pdf=f"results/figures/{FIGURES}/{{policy}}/weight_tree.pdf",
        png=report(
            f"results/figures/{FIGURES}/{{policy}}/weight_tree.png",
            category="Figures",
            subcategory="Policies",
            caption="../report/weight_tree.rst",
            labels={
                "data set": "{dataset}",
                "classifier": "{classifier}",
                "policy": "{policy}",
                "figure": "w over the hierarchy",
            },
        ),
    params:
        code=code_digest("report.figures.weight_tree"),
    conda:
        "../envs/labelpolicy.yml"
    log:
        f"logs/weight_tree/{FIGURES}/{{policy}}.log",
    benchmark:
        f"logs/benchmarks/weight_tree/{FIGURES}/{{policy}}.tsv"
    threads: 1
    resources:
        mem_mb=700,
        runtime=10,
    shell:
        "labelpolicy figure weight-tree data/processed/{wildcards.dataset} --policy {input.policy}"
        " --title '{wildcards.classifier} on {wildcards.dataset}, policy {wildcards.policy}'"
        " --correlations {output.correlations} --pdf {output.pdf} --png {output.png} 2> {log}"


rule precision_recall:
    message:
        "Precision and recall of {wildcards.classifier} on {wildcards.dataset}"
    input:
        "data/processed/{dataset}/labels.parquet",
        "data/processed/{dataset}/valid.parquet",
        "data/processed/{dataset}/test.parquet",
        scores="results/{dataset}/{classifier}/uniform/seed0/scores.parquet",
    output:
        pdf=f"results/figures/{FIGURES}/precision_recall.pdf",
        png=report(
            f"results/figures/{FIGURES}/precision_recall.png",
            category="Figures",
            subcategory="Labels",
            caption="../report/precision_recall.rst",
            labels={
                "data set": "{dataset}",
                "classifier": "{classifier}",
                "policy": "none",
                "figure": "precision and recall",
            },
        ),
    params:
        labels=shown_labels,
        code=code_digest("report.figures.precision_recall"),
    conda:
        "../envs/labelpolicy.yml"
    log:
        f"logs/precision_recall/{FIGURES}.log",
    benchmark:
        f"logs/benchmarks/precision_recall/{FIGURES}.tsv"
    threads: 1
    resources:
        mem_mb=700,
        runtime=10,
    shell:
        "labelpolicy figure precision-recall data/processed/{wildcards.dataset} --scores {input.scores} {params.labels}"
        " --title '{wildcards.classifier} on {wildcards.dataset}, uniform weights'"
        " --pdf {output.pdf} --png {output.png} 2> {log}"


rule robustness_figure:
    message:
        "Measures by initial policies of {wildcards.policy}, {wildcards.classifier} on {wildcards.dataset}"
    input:
        "results/robustness/{dataset}/{classifier}/{policy}/seed0.parquet",
    output:
        pdf=f"results/figures/{FIGURES}/{{policy}}/robustness.pdf",
        png=report(
            f"results/figures/{FIGURES}/{{policy}}/robustness.png",
            category="Figures",
            subcategory="Policies",
            caption="../report/robustness_figure.rst",
            labels={
                "data set": "{dataset}",
                "classifier": "{classifier}",
                "policy": "{policy}",
                "figure": "robustness",
            },
        ),
    params:
        code=code_digest("report.figures.robustness"),
    conda:
        "../envs/labelpolicy.yml"
    log:
        f"logs/robustness_figure/{FIGURES}/{{policy}}.log",
    benchmark:
        f"logs/benchmarks/robustness_figure/{FIGURES}/{{policy}}.tsv"
    threads: 1
    resources:
        mem_mb=700,
        runtime=10,
    shell:
        "labelpolicy figure robustness {input} --pdf {output.pdf} --png {output.png} 2> {log}"
