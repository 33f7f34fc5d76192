"""What a figure shows, in words, by its path under results/figures/."""

from __future__ import annotations

from pathlib import Path

from labelpolicy.data.registry import title as dataset_title

#: By the name of the file.
FIGURE_TITLES = {
    "learning_curve": "Learning curves by label weights",
    "trace": "What the meta-learner did while it learned",
    "policy": "Learned label weights and thresholds",
    "label_f1": "Test F1 of every label, before and after",
    "precision_recall": "Precision and recall at every threshold, validation and test split",
    "weights": "Learned weights of chosen labels (the paper's Figure 5)",
    "weight_tree": "Learned label weights over the whole hierarchy",
    "reward": "The reward of Eq. 6 on one validation document (the paper's Figure 3)",
    "robustness": "Test measures from random initial policies",
}


def figure_words(path: Path) -> tuple[str, str]:
    """(data set and classifier, what it shows) from .../figures/{dataset}/{classifier}[/{policy}]/{name}.png."""
    path = Path(path)
    parts = path.parts
    inner = list(parts[len(parts) - parts[::-1].index("figures") : -1]) if "figures" in parts[:-1] else []
    title = FIGURE_TITLES.get(path.stem, path.stem.replace("_", " "))
    if not inner:
        return "All", title
    dataset, *rest = inner
    group = ", ".join([dataset_title(dataset), *rest[:1]])
    return group, f"{title}, policy {rest[1]}" if len(rest) > 1 else title
