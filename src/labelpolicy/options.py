"""What the steps' signatures say to the command line: annotated types that several steps share."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.models import OptionInfo

from labelpolicy.config import LARGEST_SEED

if TYPE_CHECKING:
    from labelpolicy.parameters import Study


@dataclass(frozen=True)
class FromStudy:
    """Marks an argument of a step that is taken from the study's parameters, given the step's other arguments.

    ``Annotated[Thresholds, FromStudy(lambda study, arguments: study.thresholds)]``
    """

    take: Callable[["Study", Mapping[str, Any]], Any]


class Output(OptionInfo):
    """An option that names a file to write, or a folder; looked at before the command starts (outputs.py)."""

    def __init__(self, help: str, *, folder: bool = False):
        super().__init__(default=..., help=help)  # what typer takes for an option without a default of its own
        self.folder = folder


PREPARED = "prepared"
"""Marks an argument that names prepared data sets: no output may be inside of one."""

ParamsOption = Annotated[
    Path | None, typer.Option("--params", help="A YAML file in the form of params.yaml; defaults otherwise.")
]
AssignmentsOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="SECTION.KEY=VALUE", help="A parameter, over the file's. Repeatable."),
]

PreparedFolder = Annotated[
    Path, typer.Argument(help="A prepared data set, as `labelpolicy prepare` writes it."), PREPARED
]
PreparedFolders = Annotated[list[Path], typer.Argument(help="Prepared data sets."), PREPARED]
Seed = Annotated[int, typer.Option(min=0, max=LARGEST_SEED, help="Seed of everything random.")]
ClassifierName = Annotated[
    str, typer.Argument(help="Classifier, or {encoder}+{chain}, as kim_cnn+subset_maximization.")
]


def _of_classifier(study: "Study", arguments: Mapping[str, Any]) -> Any:
    from labelpolicy.classifiers import registry

    name, tuned = arguments["classifier"], arguments.get("tuned")
    found = registry.load(name).parameters(study)
    if tuned is None:
        return found
    from labelpolicy.classifiers.tuning import with_tuned

    return with_tuned(found, tuned, name)


OF_CLASSIFIER = FromStudy(_of_classifier)
ClassifierParameters = Annotated[Any, OF_CLASSIFIER]
TunedFile = Annotated[Path | None, typer.Option(help="tuned.json, whose values metrics.json is to name.")]
TunedFiles = Annotated[
    list[Path] | None, typer.Option("--tuned", help="A tuned.json, whose values are to be named. Repeatable.")
]
TunedOption = Annotated[
    Path | None,
    typer.Option("--tuned", help="tuned.json of `labelpolicy tune`: the classifier's parameters, over all others."),
]
Device = Annotated[str, FromStudy(lambda study, arguments: study.device)]
Threads = Annotated[int, FromStudy(lambda study, arguments: study.threads)]
ThresholdRules = Annotated[Any, FromStudy(lambda study, arguments: study.thresholds)]
PolicyFile = Annotated[
    Path | None, typer.Option(help="policy.json whose weights are used (Eq. 1); uniform ones if not given.")
]
ModelFolder = Annotated[Path | None, Output("Folder for the model, for `labelpolicy predict`.", folder=True)]
FittedFile = Annotated[Path | None, Output("safetensors to write: the fitted classifier, for `labelpolicy keep`.")]
FeaturesFolder = Annotated[
    Path | None,
    typer.Option(help="Folder of `labelpolicy embed`, for the classifier transformer."),
]
ModelThresholds = Annotated[
    list[str] | None,
    typer.Option(
        help="Of the model: a rule, as in shared+one, or a thresholds.json. Repeatable; the first is default."
    ),
]
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
Pdf = Annotated[Path, Output("PDF to write.")]
Png = Annotated[Path, Output("PNG to write.")]
