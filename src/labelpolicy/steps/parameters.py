"""parameters: the JSON schema of params.yaml and docs/parameters.md, from the models that check them."""

import typing
from pathlib import Path

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from labelpolicy.files import write_json, write_text
from labelpolicy.options import Output
from labelpolicy.parameters import Study


def parameters(
    schema: typing.Annotated[Path, Output("JSON schema to write.")],
    docs: typing.Annotated[Path, Output("Markdown page to write.")],
) -> None:
    """Write the JSON schema of params.yaml and the page that explains every parameter."""
    write_json(schema, Study.model_json_schema())
    write_text(docs, page())


def page() -> str:
    """The Markdown page: a table for each section."""
    head = (
        "# Parameters\n\n"
        "Generated from `src/labelpolicy/parameters.py` by `labelpolicy parameters`. Defaults hold where params.yaml "
        "says nothing; on the command line any key is set by `--set section.key=value`.\n"
    )
    return head + "".join(_sections(Study, ""))


def _sections(model: type[BaseModel], path: str) -> typing.Iterator[str]:
    rows, inner, schemas = [], [], model.model_json_schema()["properties"]
    for name, field in model.model_fields.items():
        place = f"{path}.{name}" if path else name
        section = _section(field)
        if section is None:
            allowed = " or ".join(map(_values, schemas[name].get("anyOf", [schemas[name]])))
            rows.append(f"| `{place}` | `{_default(field)}` | {allowed} | {field.description} |\n")
        else:
            inner.append((section, f"{place}.NAME" if typing.get_origin(field.annotation) is dict else place))
    if rows:
        title = f"## {path}" if path else "## At the top level"
        yield f"\n{title}\n\n{model.__doc__}\n\n| key | default | values | meaning |\n|---|---|---|---|\n"
        yield "".join(rows)
    for section, place in inner:
        yield from _sections(section, place)


def _section(field: FieldInfo) -> type[BaseModel] | None:
    """The model behind a field that is a section, or a dict of sections."""
    annotation = field.annotation
    if typing.get_origin(annotation) is dict:
        annotation = typing.get_args(annotation)[1]
        annotation = getattr(annotation, "__origin__", annotation)  # of Annotated
    return annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else None


def _default(field: FieldInfo) -> str:
    default = field.default
    return str(list(default) if isinstance(default, tuple) else default).replace("None", "null").replace("'", "")


SIGNS = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}


def _values(schema: dict) -> str:
    """Allowed values in words, from the JSON schema."""
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if schema.get("type") == "array":
        items = schema.get("items") or schema["prefixItems"][0]
        return f"list of {_values(items)}"
    bounds = " and ".join(f"{sign} {schema[key]:,.10g}" for key, sign in SIGNS.items() if key in schema)
    return " ".join(filter(None, [schema["type"], bounds]))
