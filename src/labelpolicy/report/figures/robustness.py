from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from matplotlib.ticker import MaxNLocator

from labelpolicy.errors import LabelPolicyError
from labelpolicy.files import read_parquet
from labelpolicy.report.drawing import BLUE, GREY, SHADES, drawing
from labelpolicy.report.results import TITLES
from labelpolicy.report.tables import read_robustness
from labelpolicy.thresholds.objectives import MEASURES


def robustness(
    file: Annotated[Path, typer.Argument(help="A file of `labelpolicy robustness`.")], **output: Path
) -> None:
    """Test measures of the runs from random initial policies, with their mean and one standard deviation."""
    sweep = read_robustness(file)
    rows = read_parquet(file, ["statistic", "init", "metric", "value"]).to_pandas().query("statistic == 'run'")
    runs = {name: rows[rows["metric"] == name].sort_values("init")["value"].to_numpy() for name in MEASURES}
    for metric, values in runs.items():
        if len(values) < 2:
            raise LabelPolicyError(f"{file}: {len(values)} runs of {metric}, expected at least 2: run the step again")
    whose = " on ".join(reversed(sweep.title.split(", ", 1)))
    title = f"{whose}, policy {sweep.policy}: test measures from random initial policies"
    with drawing(output, 2.6, title) as figure:
        # One height for all panels, so that a wide spread looks wide.
        half = 0.6 * max(max(float(np.ptp(values)) for values in runs.values()), 0.01)
        for axes, (measure, values) in zip(figure.subplots(1, len(runs)), runs.items(), strict=True):
            mean, deviation = float(np.mean(values)), float(np.std(values, ddof=1))
            axes.axhspan(mean - deviation, mean + deviation, color=SHADES[0], linewidth=0)
            axes.axhline(mean, color=GREY, linewidth=1, linestyle="--")
            axes.plot(np.arange(1, len(values) + 1), values, "o", color=BLUE, markersize=5)
            middle = (float(np.min(values)) + float(np.max(values))) / 2
            axes.set_ylim(middle - half, middle + half)
            axes.set_title(f"{TITLES[measure]}: {mean:.3f} ± {deviation:.4f}")
            axes.set_xlabel("initial policies, by number")
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
            axes.set_xlim(0.3, len(values) + 0.7)
