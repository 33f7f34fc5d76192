from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pyarrow as pa  # its to_pandas imports pandas, which commands for other figures need not wait for
import typer
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from labelpolicy.cell import Trained
from labelpolicy.options import Title
from labelpolicy.report.drawing import BLUE, GREY, SHADES, drawing, read_rows

#: Quantiles over labels of the thresholds p and of the weights N w.
P, W = ([f"{policy}_q{quantile}" for quantile in ("00", "10", "25", "50", "75", "90", "100")] for policy in "pw")


def trace(
    traces: Annotated[
        list[Path], typer.Argument(help="trace.parquet or rollout.parquet files of `labelpolicy learn` and `rollout`.")
    ],
    title: Title,
    **output: Path,
) -> None:
    """Reward, thresholds and weights while policies are learned, a column for each policy.

    By episode: means over its steps. A trace of one episode, such as a rollout, is drawn step by step.
    """
    found = {}
    for path in traces:
        weights = Trained.of_path(path).weights
        frame = pa.table(read_rows(path, ["episode", "step", "reward", *P, *W])).to_pandas()
        single = frame["episode"].nunique() == 1
        found[weights] = frame.set_index("step") if single else frame.groupby("episode").mean()
    with drawing(output, 6.2, f"{title}: what the meta-learner does") as figure:
        grid = figure.subplots(3, len(found), squeeze=False, sharex="col")
        for (name, steps), (reward, p, w) in zip(found.items(), grid.T, strict=True):
            kind = "reward" if steps.index.name == "step" else "mean reward"
            _reward(reward, steps["reward"])
            reward.set_title(f"{name}: {kind} of a step", parse_math=False)
            _bands(p, steps[P])
            low, high = steps[[P[1], P[-2]]].iloc[-1]
            p.set_title(f"thresholds p (last: 80 % in {low:.2f}–{high:.2f})")
            p.set_ylim(0, 1)
            _bands(w, steps[W])
            w.set_yscale("log")
            w.axhline(1, color=GREY, linewidth=0.6, linestyle=":")
            _plain_log_ticks(w)
            w.set_title("weights N·w over labels (1 = uniform)")
            w.set_xlabel(steps.index.name)
            w.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
        handles = [Line2D([], [], color="black", linewidth=1.3), *(Patch(color=colour) for colour in reversed(SHADES))]
        names = ("median label", "25–75 % of the labels", "10–90 %", "all")
        figure.legend(handles, names, loc="outside lower center", ncols=4)


def _reward(axes: Axes, reward: Any) -> None:
    """A pandas Series as a line; on a logarithmic scale (linear around 0) where it diverges, as that of Eq. 6 does."""
    axes.plot(reward.index, reward, color=BLUE, linewidth=1.3)
    first, largest = reward[: max(len(reward) // 10, 1)].abs().median(), reward.abs().max()
    if largest > max(100 * first, 1000):
        axes.set_yscale("symlog", linthresh=10 ** np.floor(np.log10(max(first, 1))))
        axes.set_ylabel("logarithmic scale")


def _bands(axes: Axes, quantiles: Any) -> None:
    """Of a pandas DataFrame the median, and bands that hold 100, 80 and 50 % of the labels."""
    values = quantiles.to_numpy().T
    for low, shade in enumerate(SHADES):
        axes.fill_between(quantiles.index, values[low], values[-1 - low], color=shade, linewidth=0)
    axes.plot(quantiles.index, values[3], color="black", linewidth=1.3)
    axes.margins(x=0.01)


def _plain_log_ticks(axes: Axes) -> None:
    """0.5, 1, 2 rather than powers of ten in exponents."""
    low, high = axes.get_ylim()
    low, high = min(low, 0.8), max(high, 1.25)
    axes.set_ylim(low, high)
    steps = (1, 1.2, 1.5, 2, 3, 4, 5, 6, 8) if high / low < 5 else (1, 2, 5) if high / low < 300 else (1,)
    axes.yaxis.set_major_locator(LogLocator(subs=steps))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
