"""Reward, thresholds and weights while policies are learned, a column for each policy."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullLocator

from labelpolicy.cell import Trained
from labelpolicy.options import Pdf, Png, Title
from labelpolicy.report.drawing import BLUE, GREY, SHADES, drawing, read_rows

QUANTILES = ("00", "10", "25", "50", "75", "90", "100")


@dataclass(frozen=True)
class Trace:
    """Time steps of Algorithm 1 (or of one rollout): reward, and quantiles over labels of p and N w, (steps, 7)."""

    episode: np.ndarray
    step: np.ndarray
    reward: np.ndarray
    p: np.ndarray
    w: np.ndarray

    @classmethod
    def read(cls, path: Path) -> Trace:
        """From a trace.parquet or rollout.parquet."""
        p, w = ([f"{policy}_q{quantile}" for quantile in QUANTILES] for policy in ("p", "w"))
        found = read_rows(path, ["episode", "step", "reward", *p, *w])
        bands = (np.column_stack([found[name] for name in names]) for names in (p, w))
        return cls(found["episode"], found["step"], found["reward"], *bands)

    def by_episode(self) -> Trace:
        """The means of each episode; a trace of a single episode stays as it is, step by step."""
        episodes = np.unique(self.episode)
        if len(episodes) == 1:
            return self

        def mean(values: np.ndarray) -> np.ndarray:
            return np.array([values[self.episode == episode].mean(axis=0) for episode in episodes])

        return Trace(episodes, episodes * 0, mean(self.reward), mean(self.p), mean(self.w))


def trace(
    traces: Annotated[
        list[Path], typer.Argument(help="trace.parquet or rollout.parquet files of `labelpolicy learn` and `rollout`.")
    ],
    title: Title,
    pdf: Pdf,
    png: Png,
) -> None:
    """Reward, thresholds and weights while policies are learned, a column for each policy.

    By episode: means over its steps. A trace of one episode, such as a rollout, is drawn step by step.
    """
    found = {Trained.of_path(path).weights: Trace.read(path) for path in traces}
    with drawing(pdf, png, 6.2, f"{title}: what the meta-learner does") as figure:
        grid = figure.subplots(3, len(found), squeeze=False, sharex="col")
        for column, (name, steps) in enumerate(found.items()):
            means = steps.by_episode()
            single = len(np.unique(steps.episode)) == 1
            x = means.step if single else means.episode
            reward, p, w = grid[:, column]
            _reward(reward, x, means.reward)
            reward.set_title(f"{name}: {'reward' if single else 'mean reward'} of a step", parse_math=False)
            _bands(p, x, means.p)
            p.set_title("thresholds p over labels")
            p.set_ylim(0, 1)
            _bands(w, x, means.w)
            w.set_yscale("log")
            w.axhline(1, color=GREY, linewidth=0.6, linestyle=":")
            _plain_log_ticks(w)
            w.set_title("weights N·w over labels (1 = uniform)")
            w.set_xlabel("step" if single else "episode")
            w.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
        handles = [Line2D([], [], color="black", linewidth=1.3), *(Patch(color=colour) for colour in reversed(SHADES))]
        names = ("median label", "25–75 % of the labels", "10–90 %", "all")
        figure.legend(handles, names, loc="outside lower center", ncols=4)


def _reward(axes: Axes, x: np.ndarray, reward: np.ndarray) -> None:
    """A line; on a logarithmic scale (linear around 0) where rewards diverge, as those of Eq. 6 do."""
    axes.plot(x, reward, color=BLUE, linewidth=1.3)
    first, largest = np.median(np.abs(reward[: max(len(reward) // 10, 1)])), np.abs(reward).max()
    if largest > max(100 * first, 1000):
        axes.set_yscale("symlog", linthresh=10 ** np.floor(np.log10(max(first, 1))))
        axes.set_ylabel("logarithmic scale")


def _bands(axes: Axes, x: np.ndarray, quantiles: np.ndarray) -> None:
    """The median, and bands that hold 100, 80 and 50 % of the labels."""
    lowest, tenth, quarter, median, three_quarters, ninetieth, highest = quantiles.T
    axes.fill_between(x, lowest, highest, color=SHADES[0], linewidth=0)
    axes.fill_between(x, tenth, ninetieth, color=SHADES[1], linewidth=0)
    axes.fill_between(x, quarter, three_quarters, color=SHADES[2], linewidth=0)
    axes.plot(x, median, color="black", linewidth=1.3)
    axes.margins(x=0.01)


def _plain_log_ticks(axes: Axes) -> None:
    """0.5, 1, 2 rather than powers of ten in exponents."""
    low, high = axes.get_ylim()
    low, high = min(low, 0.8), max(high, 1.25)
    axes.set_ylim(low, high)
    decades = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
    steps = (1, 1.2, 1.5, 2, 3, 4, 5, 6, 8) if high / low < 5 else (1, 2, 5) if high / low < 300 else (1,)
    ticks = [step * 10.0**decade for decade in decades for step in steps if low <= step * 10.0**decade <= high]
    axes.set_yticks(ticks)
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
