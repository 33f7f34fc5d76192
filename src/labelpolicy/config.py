"""What every section of the parameters is made of: the base model, the types of values, and their check."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from labelpolicy.errors import LabelPolicyError

PositiveInt = Annotated[int, Field(ge=1)]
Count = Annotated[int, Field(ge=0)]
PositiveFloat = Annotated[float, Field(gt=0)]
OpenUnit = Annotated[float, Field(gt=0, lt=1)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]


class Parameters(BaseModel):
    """Base of all sections: unknown keys are errors, values never change after they are checked."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def check(model: type[Parameters], values: Any, where: str) -> Any:
    """Validate ``values`` as ``model``.

    Raises LabelPolicyError naming ``where`` and the first offending key, what was found and what was expected.
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
            message = f"found {found!r}: {first['msg']}"
        more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
        raise LabelPolicyError(f"{where}: {place or 'top level'}: {message}{more}") from None


def _known_keys(model: Any, location: tuple) -> list[str]:
    for part in location:
        field = model.model_fields.get(part) if isinstance(model, type) and issubclass(model, BaseModel) else None
        if field is not None:
            model = field.annotation
        elif getattr(model, "__args__", None):  # the entries of a dict
            model = model.__args__[-1]
        if getattr(model, "__origin__", None) is Annotated:
            model = model.__args__[0]
    return list(model.model_fields) if isinstance(model, type) and issubclass(model, BaseModel) else ["(none)"]
