# make reproduce   set up and run the main job      make test   set up and pass the tests
#                  after a kill or a power cut: the same again, it goes on
# make docs        the documentation as a site: site/index.html
# make bench       measure what the docs claim      make clean  forget environment and products
# make unit, workflow, tracking (DVC) or cluster (a SLURM of its own) passes one suite of the tests

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
export PATH := $(CURDIR)/$(BIN):$(PATH)
CORES ?= all

.PHONY: FORCE reproduce test lint unit workflow tracking cluster docs publish bench faults setup clean

setup: $(READY)

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[all]'
	touch $(READY)

# The first table and picture, results/quick/index.html, before what takes long.
reproduce: $(READY)
	snakemake --cores $(CORES) quick
	snakemake --cores $(CORES)
	@cat results/summary.md

# The suites side by side, since most of them wait: each prints what it has to say when it ends.
test: $(READY)
	$(MAKE) --jobs=4 $(if $(filter output-sync,$(.FEATURES)),--output-sync=target) --keep-going \
	  cluster workflow tracking unit lint

lint: $(READY)
	ruff check .
	ruff format --check .
	snakefmt --check Snakefile workflow
	snakemake --lint
	mypy

unit: $(READY)
	pytest tests/unit tests/paper

workflow: $(READY)
	pytest tests/workflow

tracking: $(READY)
	pytest tests/dvc -rs

# Skipped, with the reason, where SLURM cannot be started.
cluster: $(READY)
	pytest tests/cluster -rs

# The pages of reference from the code, then the site, without the network; a dead link fails.
docs: $(READY)
	python docs/reference.py
	zensical build --strict

# Small results of a finished `snakemake paper`, kept beside the documentation; the README shows those of Reuters.
STUDY ?= reuters21578
publish: $(READY)
	labelpolicy publish results/metrics.csv results/significance.csv results/summary.md results/reproducing.md \
	  results/claims.csv results/tables/table[1-6].md $(wildcard results/tables/ablation.md results/ablation.csv) \
	  $(addprefix --nested ,$(wildcard data/processed/*/dataset.json results/robustness/*/*/*/*.csv \
	  results/figures/*/*/*/weight_tree.json)) --folder docs/results/$(STUDY)
	python docs/finding.py
	python docs/policy_tables.py
	python docs/pictures.py
	python docs/record.py $(STUDY)
	$(MAKE) docs/results/claims.md
	python docs/published.py

# The matrix of claims over all published studies.
PUBLISHED := docs/results/*
docs/results/claims.md: FORCE
	labelpolicy reproducing $(wildcard $(PUBLISHED)/processed/*) \
	  $(addprefix --metrics ,$(wildcard $(PUBLISHED)/metrics.csv)) \
	  $(addprefix --significance ,$(wildcard $(PUBLISHED)/significance.csv)) \
	  $(addprefix --robustness ,$(wildcard $(PUBLISHED)/robustness/*/*/*/*.csv)) \
	  $(addprefix --correlations ,$(wildcard $(PUBLISHED)/figures/*/*/*/weight_tree.json)) \
	  --output $@ --csv docs/results/claims.csv
FORCE:

bench: $(READY)
	python benchmarks/kim_cnn.py
	python benchmarks/thresholds.py
	python benchmarks/sizes.py
	python benchmarks/significance.py
	python benchmarks/chains.py
	python benchmarks/prepare.py
	python benchmarks/forms.py
	python benchmarks/rollout.py
	python benchmarks/estimators.py
	python benchmarks/predict.py
	python benchmarks/transformer.py

# Random bad input for every command, kills, full disks and changes after a run (docs/reliability.md): counts.
faults: $(READY)
	python benchmarks/faults.py --seconds $(SECONDS) --seed $(SEED)
	python benchmarks/kills.py --seconds $(SECONDS) --seed $(SEED)
SECONDS ?= 600
SEED ?= 0

clean:
	rm -rf $(VENV) data/raw data/processed logs site .cache .snakemake
	find results -mindepth 1 -maxdepth 1 ! -name README.md -exec rm -rf {} +
