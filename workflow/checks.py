"""What stops a study before its first job: parameters, rows, tables and places that cannot be."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import state
from snakemake.exceptions import WorkflowError

from labelpolicy.cell import members
from labelpolicy.classifiers import registry as classifiers
from labelpolicy.classifiers.transformer import Transformer
from labelpolicy.classifiers.transformer.pretrained import digest_of
from labelpolicy.config import check
from labelpolicy.data import registry as corpora
from labelpolicy.data.document_files import DocumentFiles
from labelpolicy.data.fetch import read_sources
from labelpolicy.errors import LabelPolicyError
from labelpolicy.methods import Method, read_methods, rows_of
from labelpolicy.outputs import check_place
from labelpolicy.parameters import Study, leaves_of, origin, read_values
from labelpolicy.report.chosen import check as check_labels
from labelpolicy.report.results import PaperNumbers
from labelpolicy.steps.reproducing import read_claims


@contextlib.contextmanager
def in_one_line() -> Iterator[None]:
    """Only the one line of a LabelPolicyError: the traceback through the workflow's files helps nobody."""
    try:
        yield
    except LabelPolicyError as error:
        raise WorkflowError(str(error)) from None


def source_of(files: Sequence[str | Path], command_line: Mapping[str, Any]) -> Callable[[str], str]:
    """Where the value of a parameter comes from, by its key: --config or a file, of which the last wins.

    Raises LabelPolicyError for a file that the commands would refuse, such as one with a key given twice.
    """
    values = {"--config": command_line} | {os.path.relpath(file): read_values(Path(file)) for file in reversed(files)}
    sources = {name: [key for key, _ in leaves_of("", each)] for name, each in values.items()}
    return lambda place: origin(sources, place) or [*sources][-1]


def check_parameters(config: Any, source: Callable[[str], str]) -> Study:
    """The parameters. Raises LabelPolicyError for a value that cannot be, or that names what is not there."""
    study: Study = check(Study, _with_null(config), source(""), source)
    by_gradient = [name for name, each in classifiers.declarations().items() if each.trained_by_gradient]
    for key, names, known in (
        ("robustness.policy", [study.robustness.policy], study.policies),
        ("robustness.classifiers", study.robustness.classifiers, by_gradient),
        ("ablation.reference", [study.ablation.reference], study.policies),
        ("ablation.policies", study.ablation.policies, study.policies),
        ("ablation.classifiers", study.ablation.classifiers, by_gradient),
        ("grid.quick", study.grid.quick, classifiers.names()),
    ):
        for name in names:
            if name not in known:
                raise LabelPolicyError(f"{source(key)}: {key}: {name!r} is none of {', '.join(known)}")
    vectors = study.data.vectors.path
    if vectors and not Path(vectors).is_file():
        raise LabelPolicyError(f"{source('data.vectors.path')}: data.vectors.path: {vectors}: no such file")
    study = _with_digest(study)
    check_labels(study.report.labels, study.datasets, "data/processed")
    corpora.check_own(study.data_sets)
    return study


def _with_null(value: Any) -> Any:
    """The values with None for null below a key of --config, which Snakemake gives as a word."""
    if isinstance(value, Mapping):
        return {key: _with_null(each) for key, each in value.items()}
    return None if value == "null" else value


def _with_digest(study: Study) -> Study:
    """The study with the digest of the pretrained model that it names: another model, or weights, is another cell."""
    transformer = study.classifiers.transformer
    if transformer.model is None:
        return study
    return _with(study, transformer.model_copy(update={"sha256": digest_of(transformer, state.sha256)}))


def for_vectors(study: Study) -> Study:
    """The study without what stands on the vectors of the pretrained model: another head makes no new ones."""
    return _with(study, Transformer(**study.classifiers.transformer.model_dump(exclude={"frozen", "finetune"})))


def _with(study: Study, transformer: Transformer) -> Study:
    return study.model_copy(update={"classifiers": study.classifiers.model_copy(update={"transformer": transformer})})


def classifier_entry(name: str, study: Study) -> classifiers.Entry:
    """A classifier as its parameters make it: the head of a frozen transformer may be trained by gradient, or not."""
    return classifiers.load(name, classifiers.load(name).parameters(study))


def check_rows(file: str, study: Study) -> tuple[list[Method], str]:
    """The rows, and what to say of those that are left out for want of a pretrained model.

    Raises LabelPolicyError for a wrong one, and for a data set that has none.
    """
    names = {*corpora.names(), *study.datasets}
    methods = read_methods(file, classifiers=classifiers.names(), policies=study.policies, datasets=names)
    told = ""
    if study.classifiers.transformer.model is None:
        every, methods = len(methods), [row for row in methods if not row.is_optional]
        told = f"{every - len(methods)} rows wait for a pretrained model: set classifiers.transformer.model"
    for row in methods:
        of = [classifier_entry(name, study) for name in members(row.classifier)]
        if row.learned and not of[0].trained_by_gradient:
            why = f"{row.classifier} is not trained by gradient: {row.learned[0]} cannot be learned with it"
            raise LabelPolicyError(f"{file}: row {row.name!r}: {why}; thresholds that end in +oof can")
    for dataset in study.datasets:
        if not rows_of(methods, dataset):
            raise LabelPolicyError(f"{file}: no row for data set {dataset!r}: add one, or correct grid.datasets")
    return methods, told


def check_places(study: Study, beside: Callable[[str], str]) -> None:
    """Raise LabelPolicyError for documents or a table that cannot be read, and a folder that cannot be written in."""
    for base in {*map(corpora.base, study.datasets)} - {"synthetic"}:
        if base in corpora.names():
            read_sources(Path(beside("sources.tsv")), base)
        else:
            study.data_sets.get(base, DocumentFiles()).found(name=base)
    PaperNumbers(beside("paper.tsv"))
    read_claims(beside("claims.tsv"))
    for place in ("data/raw", "data/processed", "results", "logs"):
        for folder in (place, *(f"{place}/{dataset}" for dataset in study.datasets)):
            check_place(folder, Path(folder), folder=True)
