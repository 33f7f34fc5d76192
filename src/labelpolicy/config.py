"""What every section of the parameters is made of: the base model, the types of values, and their check."""

import reprlib
from collections.abc import Callable
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from labelpolicy.errors import LabelPolicyError

#: Upper bounds: far above what is of use, and below what makes a machine stand still or a number overflow.
LARGEST, LARGEST_SIZE, LARGEST_SEED = 1_000_000, 10_000, 2**31 - 1

PositiveInt = Annotated[int, Field(ge=1, le=LARGEST)]
Size = Annotated[int, Field(ge=1, le=LARGEST_SIZE)]
"""Widths, filters, tokens: what takes memory."""
Count = Annotated[int, Field(ge=0, le=LARGEST_SEED)]
PositiveFloat = Annotated[float, Field(gt=0, le=LARGEST)]
NonNegativeFloat = Annotated[float, Field(ge=0, le=LARGEST)]
OpenUnit = Annotated[float, Field(gt=0, lt=1)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]


def _each_once(names: list[str]) -> list[str]:
    if twice := [name for name in names if names.count(name) > 1]:
        raise ValueError(f"{twice[0]!r} stands twice: keep one")
    return names


Names = Annotated[list[Name], AfterValidator(_each_once)]


class Parameters(BaseModel):
    """Base of all sections: unknown keys are errors, values never change after they are checked."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def check(model: type[Parameters], values: Any, where: str, source: Callable[[str], str | None] | None = None) -> Any:
    """Validate ``values`` as ``model``.

    Raises LabelPolicyError naming ``where`` and the first offending key, what was found and what was expected. Where
    some values come from elsewhere, ``source`` says from where, given a key such as ``data.vectors.width``.
    """
    try:
        return model.model_validate(values if values is not None else {})
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        found = first["input"]
        if first["type"] == "extra_forbidden":
            known = ", ".join(_known_keys(model, first["loc"][:-1]))
            message = f"unknown parameter; known here: {known}"
        else:
            message = f"found {reprlib.repr(found)}: {first['msg']}"
        more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
        where = (source and source(place)) or where
        raise LabelPolicyError(f"{where}: {place or 'top level'}: {message}{more}") from None


def _known_keys(model: Any, location: tuple) -> list[str]:
    for part in location:
        field = model.model_fields.get(part) if isinstance(model, type) and issubclass(model, BaseModel) else None
        if field is not None:
            model = field.annotation
        elif getattr(model, "__args__", None):  # the entries of a dict
            model = model.__args__[-1]
        if hasattr(model, "__metadata__"):  # Annotated
            model = model.__origin__
    return list(model.model_fields) if isinstance(model, type) and issubclass(model, BaseModel) else ["(none)"]
