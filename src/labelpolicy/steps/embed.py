"""embed: a pretrained model and a prepared data set -> a vector of each document, for the classifier transformer."""

from pathlib import Path
from typing import Annotated, Any

from labelpolicy import options
from labelpolicy.classifiers.transformer.features import Embedder, write
from labelpolicy.data.prepared import SPLITS, Prepared
from labelpolicy.errors import LabelPolicyError
from labelpolicy.files import whole_folder
from labelpolicy.progress import say
from labelpolicy.training import prepare_torch


def embed(
    dataset: options.PreparedFolder,
    output: Annotated[Path, options.Output("Folder for train.parquet, valid.parquet, test.parquet.", folder=True)],
    parameters: Annotated[Any, options.FromStudy(lambda study, arguments: study.classifiers.transformer)],
    device: options.Device,
    threads: options.Threads,
) -> None:
    """Read every document once by the pretrained model of the classifier transformer, for any number of trainings.

    A vector is the mean over a document's tokens, of a mention the mean of this and that over its own tokens
    (parameters: classifiers.transformer). The labels are not read.
    Raises LabelPolicyError for a model that is not there or does not fit, and for mode finetune.
    """
    if parameters.mode != "frozen":
        raise LabelPolicyError(
            "embed: classifiers.transformer.mode is finetune, which trains without vectors: set frozen"
        )
    data = Prepared(dataset)
    embedder = Embedder(parameters)
    embedder.device = prepare_torch(device, threads)
    counts = {}
    with whole_folder(output) as made:
        for name in SPLITS:
            split = data.split(name)
            vectors = embedder(split.text, split.mentions is not None, f"embed {name}")
            write(made / f"{name}.parquet", split.ids, vectors, embedder)
            counts[name] = len(vectors)
    total, digest = sum(counts.values()), embedder.digest
    say(f"embed: {total} documents of {data.name} by {parameters.model}, {embedder.width} numbers each")
    say(f"embed: wrote {output}; the model's sha256 is {digest}")
