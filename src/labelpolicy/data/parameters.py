"""Parameters of the data: preparing, word vectors, the synthetic corpus, folds."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from labelpolicy.config import LARGEST_SIZE, Count, NonNegativeFloat, OpenUnit, Parameters, PositiveInt, Size


class Vectors(Parameters):
    """Pre-trained word vectors."""

    source: Literal["glove.6B.50d", "file", "random"] = Field(
        "glove.6B.50d", description="glove.6B.50d from the installed package, file (see path), or random"
    )
    path: str | None = Field(
        None,
        description="word2vec, GloVe or fastText vectors, text or binary, for source: file (the paper: GoogleNews)",
    )
    width: Size = Field(50, description="numbers per vector; the source must agree")

    @model_validator(mode="after")
    def _path_goes_with_file(self) -> "Vectors":
        if (self.source == "file") != (self.path is not None):
            raise ValueError("path goes with source: file, and source: file needs a path")
        return self


class Data(Parameters):
    """From raw files to the prepared form."""

    validation_fraction: OpenUnit = Field(0.1, description="share of the training documents held out for validation")
    validation_seed: Count = Field(0, description="seed of that split")
    bad_share: Annotated[float, Field(ge=0, le=1)] = Field(
        0.05, description="lines and mentions that cannot be used, as a share of a file's; above it prepare fails"
    )
    merge_labels: bool = Field(
        False,
        description="labels whose names differ only in case, blanks or forms of the same letters become one; those "
        "whose names differ in blanks around them, or in Unicode's normal form, do anyway",
    )
    close_labels: bool = Field(
        False, description="a document that carries a label carries its ancestors too, where they are labels"
    )
    min_count: PositiveInt = Field(2, description="a token seen less often in the training split becomes <unk>")
    known_words: Literal["mentions", "all", "none"] = Field(
        "mentions",
        description="data whose words keep their pre-trained vector even if rarer than min_count or in no training "
        "document: entity mentions, whose vectors are not trained; all; or none",
    )
    vectors: Vectors = Vectors()


class Synthetic(Parameters):
    """The synthetic corpus of the tests; never in a results table of the paper."""

    documents: PositiveInt = Field(600, description="training documents")
    test_documents: PositiveInt = Field(200, description="test documents")
    labels: PositiveInt = Field(12, description="labels")
    exponent: NonNegativeFloat = Field(1.0, description="label frequencies fall as rank ** -exponent")
    depth: Size = Field(2, description="levels of the label hierarchy; 1 for a flat label set")
    dependence: Annotated[float, Field(ge=0, le=1)] = Field(
        0.3, description="chance that a label brings its partner label along"
    )
    tokens: Size = Field(30, description="mean tokens a document")
    vocabulary: PositiveInt = Field(400, description="distinct tokens")
    noise: Annotated[float, Field(ge=0, le=1)] = Field(
        0.5, description="share of tokens that tell nothing of the labels"
    )
    seed: Count = Field(0, description="seed of the generator")


class Crossfit(Parameters):
    """Out-of-fold scores, for thresholds whose name ends in +oof."""

    folds: Annotated[int, Field(ge=2, le=LARGEST_SIZE)] = Field(
        3, description="folds of the training and validation documents; one more training than folds is needed"
    )
    by: Literal["near_duplicates", "labels", "ids"] = Field(
        "near_duplicates",
        description="what a fold is: documents at random, each label spread evenly, with those that say nearly the "
        "same in one fold, or without a look at the texts (labels); or a block in the order of the ids, that of time "
        "on Reuters-21578 and RCV1",
    )
