# make demo: install, run the embedded study, say where the report is.    make test: the tests.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# the venv is made and filled once, and again when pyproject.toml changes
STAMP := $(VENV)/.installed-dev
DEMO := $(VENV)/.installed-demo
PEERS := $(VENV)/.installed-peers
WORKERS ?= $(shell nproc 2>/dev/null || echo 2)
# bytecode is kept, whatever the environment says: hundreds of processes would compile benchbench anew
export PYTHONDONTWRITEBYTECODE :=

GUARDED := embedded methods middle small metrics signed odd dense variants libraries

.PHONY: demo test lint types notebook notebook-check guard guard-update guard-run suites proof kill fuzz again bench pages conformance audit zoo bias clean

demo: $(DEMO)
	$(BIN)/benchbench run

test: $(STAMP)
	OMP_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE $(BIN)/python -m pytest -q -n $(WORKERS) --dist worksteal

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(STAMP)
	$(BIN)/mypy benchbench tests

# executes docs/tutorial.ipynb: notebook writes its outputs anew, notebook-check only sees that no cell fails; a minute
notebook: $(STAMP)
	$(BIN)/python -m tests.docs.tutorial

notebook-check: $(STAMP)
	$(BIN)/python -m tests.docs.tutorial --check

# our own gate: the embedded study and nine more against what they said when their baselines were made; each on one
# thread, as the baselines were: more threads add in another order, and two pixels that are equal but for rounding swap
guard: guard-run
	@status=0; for name in $(GUARDED); do \
		test ! -e runs/guard/$$name.failed || { cat runs/guard/$$name.txt; status=1; }; \
		echo "$$name:"; $(BIN)/benchbench check runs/guard/$$name --baseline tests/guard/$$name.json || status=1; \
	done; exit $$status

# after a change that is meant; the diff of tests/guard shows what moved
guard-update: guard-run
	@for name in $(GUARDED); do \
		test ! -e runs/guard/$$name.failed || { cat runs/guard/$$name.txt; exit 1; }; \
		$(BIN)/benchbench baseline runs/guard/$$name --out tests/guard/$$name.json || exit 1; \
	done

# trains the six networks of the zoo on the data set shapes, one that learns random labels, and two that are manipulated; writes
# benchbench/models/weights and the table of docs/shapes.md
zoo: $(STAMP)
	$(BIN)/python -m tests.zoo.train
	$(BIN)/python -m tests.zoo.random_labels
	$(BIN)/python -m tests.zoo.manipulate

# trains the twelve networks of the suite bias on the data set cued; writes benchbench/models/weights and a table of docs/suites/bias.md
bias: $(STAMP)
	$(BIN)/python -m tests.zoo.train_bias

guard-run: $(STAMP)
	@rm -rf runs/guard; mkdir -p runs/guard; printf '%s\n' $(GUARDED) | OMP_NUM_THREADS=1 xargs -P $(WORKERS) -I {} sh -c \
		'$(BIN)/benchbench run tests/guard/{}.yaml --no-report --out runs/guard/{} > runs/guard/{}.txt 2>&1 || touch runs/guard/{}.failed'

# runs each suite without arguments and compares its verdicts with tests/suites/stored_verdicts; about ten minutes
suites: $(STAMP)
	$(BIN)/python -m tests.suites.stored

# plants each fault of tests/guard/of_*.py in a copy of this code, sees the gate catch it, writes docs/gate-proof.md
proof: $(STAMP)
	$(BIN)/python -m tests.guard.proof

# stops 100 runs at random moments, by each signal and inside writes, and continues each to the rows of an undisturbed run; about five minutes
kill: $(STAMP)
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.kills.driver 100
	OMP_NUM_THREADS=1 BENCHBENCH_SLOW=1 $(BIN)/python -m pytest -q -p no:cacheprovider tests/engine/workers/test_processes.py

# twenty times the malformed inputs of the tests, and random ones: studies, images, weights, run folders, names (docs/trust.md)
fuzz: $(STAMP)
	OMP_NUM_THREADS=1 BENCHBENCH_FUZZ=20 $(BIN)/python -m pytest -q -n $(WORKERS) tests/fuzz

# fifty re-runs of the same code in other ways, none of which may fail; writes docs/gate-again.md; about forty minutes
again: $(STAMP)
	$(BIN)/python -m tests.guard.again

# beside the peers, alone on the machine: 40 minutes on two fast cores, 85 on slow ones; writes docs/performance.md and its figure
bench: $(STAMP) $(PEERS)
	mkdir -p .benchmarks
	status=0; $(BIN)/python -m pytest -q tests/benchmarks/test_peers.py --override-ini addopts= \
		--benchmark-json=.benchmarks/peers.json --benchmark-columns=median,rounds || status=$$?; \
	$(BIN)/python -m tests.benchmarks.plain_eager .benchmarks/plain.json && \
	$(BIN)/python -m tests.benchmarks.growth .benchmarks/growth.json && \
	$(BIN)/python -m tests.benchmarks.bookkeeping .benchmarks/bookkeeping.json && \
	$(BIN)/python -m tests.benchmarks.large_run .benchmarks/large.json && \
	$(BIN)/python -m tests.benchmarks.long_runs .benchmarks/long.json && \
	$(BIN)/python -m tests.benchmarks.scaling .benchmarks/scaling.json && \
	$(BIN)/python -m tests.benchmarks.performance .benchmarks/peers.json .benchmarks/growth.json .benchmarks/plain.json \
		.benchmarks/bookkeeping.json .benchmarks/large.json .benchmarks/long.json .benchmarks/scaling.json && \
	$(BIN)/python -m tests.benchmarks.films && exit $$status

# the pages that are written from the code: methods, with a picture of all on one photograph, metrics, data, the gallery; about five minutes
pages: $(STAMP)
	$(BIN)/python -m tests.docs.metric_page
	$(BIN)/python -m tests.docs.data_pages
	$(BIN)/python -m tests.docs.quantus_page
	$(BIN)/python -m tests.docs.pages
	$(BIN)/python -m tests.docs.house_figure
	$(BIN)/python -m tests.docs.rivals_page
	$(BIN)/python -m tests.docs.gallery
	$(BIN)/python -m tests.docs.app_picture

# methods and metrics beside those of the installed libraries; writes docs/conformance.md and docs/metrics-conformance.md
conformance: $(STAMP)
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.methods.agreement
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.metrics.agreement

# torch-cam and pytorch-grad-cam at the installed versions beside ours; writes docs/audit; two to ten minutes
audit: $(STAMP)
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.docs.audit_pages

clean:
	rm -rf $(VENV) build dist *.egg-info

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "benchbench needs Python 3.11 or newer; say make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)

$(DEMO): pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --editable '.[demo]'
	touch $@

$(STAMP): pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	touch $@ $(DEMO)

# Quantus asks for opencv-python, which would replace the headless one that pytorch-grad-cam brings and needs a display's
# libraries: so it comes without what it asks for, and what is not there yet is named
$(PEERS): $(STAMP)
	$(BIN)/python -m pip install --quiet scikit-image cachetools
	$(BIN)/python -m pip install --quiet --no-deps quantus==0.6.0
	touch $@
