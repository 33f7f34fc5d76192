#!/usr/bin/env bash
# Run by Snakemake once in the new conda environment, in the folder of the Snakefile's run.
set -euo pipefail
pip install -c constraints.txt -e '.[workflow]'
