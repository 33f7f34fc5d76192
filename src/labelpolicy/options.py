"""What the steps' signatures say to the command line: annotated types that several steps share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from labelpolicy.parameters import Study


@dataclass(frozen=True)
class FromStudy:
    """Marks an argument of a step that is taken from the study's parameters, given the step's other arguments.

    ``Annotated[Thresholds, FromStudy(lambda study, arguments: study.thresholds)]``
    """

    take: Callable[[Study, Mapping[str, Any]], Any]


ParamsOption = Annotated[
    Path | None, typer.Option("--params", help="A YAML file in the form of params.yaml; defaults otherwise.")
]
AssignmentsOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="SECTION.KEY=VALUE", help="A parameter, over the file's. Repeatable."),
]

PreparedFolder = Annotated[Path, typer.Argument(help="A prepared data set, as `labelpolicy prepare` writes it.")]
PreparedFolders = Annotated[list[Path], typer.Argument(help="Prepared data sets.")]
Seed = Annotated[int, typer.Option(min=0, help="Seed of everything random.")]
ClassifierName = Annotated[
    str, typer.Argument(help="Classifier, or {encoder}+{chain}, as kim_cnn+subset_maximization.")
]


def _of_classifier(study: Study, arguments: Mapping[str, Any]) -> Any:
    from labelpolicy.classifiers import registry

    return registry.load(arguments["classifier"]).parameters(study)


ClassifierParameters = Annotated[Any, FromStudy(_of_classifier)]
Device = Annotated[str, FromStudy(lambda study, arguments: study.device)]
Threads = Annotated[int, FromStudy(lambda study, arguments: study.threads)]
MetricsFile = Annotated[Path, typer.Option(help="metrics.parquet of `labelpolicy collect`.")]
ResultsFolder = Annotated[Path, typer.Option(help="Folder of the cells' files.")]
MethodsFile = Annotated[Path, typer.Option(help="The sheet of rows.")]
PaperFile = Annotated[Path, typer.Option(help="The paper's numbers.")]
SignificanceFile = Annotated[
    Path | None, typer.Option("--significance", help="significance.parquet of `labelpolicy significance`.")
]
RobustnessFiles = Annotated[
    list[Path] | None,
    typer.Option("--robustness", help="A file of `labelpolicy robustness`; tables 3 and 6. Repeatable."),
]
ScoresFile = Annotated[Path, typer.Option(help="A score file of `labelpolicy train`.")]
ShownLabels = Annotated[
    list[str] | None, typer.Option("--label", help="A label to show; none given: a few by frequency. Repeatable.")
]
Title = Annotated[str, typer.Option(help="Title of the figure.")]
Pdf = Annotated[Path, typer.Option(help="PDF to write.")]
Png = Annotated[Path, typer.Option(help="PNG to write.")]
