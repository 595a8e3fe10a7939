# make report   the main job: .venv, baseline + boom + bust, reports/fiscal-report.pdf and its tables
# make test     everything that CI runs
# Both need only Python 3.11 to 3.13 (PYTHON=... to choose one) and make.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
DOCS_VENV := .venv-docs
DOCS_INSTALLED := $(DOCS_VENV)/.installed

export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Byte code is kept, or every command compiles what it imports: five seconds each.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help install report examples derived test compiled slow bench notebooks browser lab faults fuzz audit crate accessible licences reference docs lint format lock clean

help:
	@echo "make install  create .venv with the command fiscal"
	@echo "make report   run baseline, boom, and bust; write reports/fiscal-report.pdf and its tables"
	@echo "make examples remake the example brief and report in reports/examples"
	@echo "make derived  rebuild every table in data/derived (about an hour)"
	@echo "make test     lint, types, layers, and tests, as CI runs them"
	@echo "make slow     tests that take minutes: schedules rebuilt with Tax-Calculator"
	@echo "make bench    measure the projection's speed; write benchmarks/results.md and results.json"
	@echo "make notebooks   run every notebook and store its output (NAMES=03 for one)"
	@echo "make lab      open the notebooks in JupyterLab"
	@echo "make browser  look at the brief (PAGE=...) and the page with sliders in Chromium, with axe-core"
	@echo "make faults   kill runs fifty times at random moments, twice (an hour)"
	@echo "make fuzz     try a million random inputs (INPUTS=... for fewer; hours)"
	@echo "make audit    look for known vulnerabilities in requirements.lock (needs a network)"
	@echo "make crate    validate a run folder as an RO-Crate (RUN=... for one of yours; installs roc-validator)"
	@echo "make accessible  check a PDF for accessibility, PDF/UA (FILE=...; installs pdfua)"
	@echo "make docs     build the documentation site into site/ (in a separate environment)"
	@echo "make reference  rewrite the pages that come from code and data"
	@echo "make lint     check style, types, and layers only"
	@echo "make lock     refresh requirements.lock and requirements-docs.lock (needs uv)"
	@echo "make clean    remove .venv, the site, and caches"

install: $(INSTALLED)

$(INSTALLED): requirements.lock pyproject.toml tools/install.py
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 11) <= v <= (3, 13) else "fiscal needs Python 3.11, 3.12, or 3.13; $(PYTHON) is %d.%d. Choose one: make PYTHON=python3.12" % v)'
	@echo "Creating $(VENV) ..."
	@$(PYTHON) -m venv --clear $(VENV) || { echo "Python's venv module is incomplete; on Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
	@$(BIN)/python tools/install.py
	@touch $@

report: $(INSTALLED)
	@echo "Running baseline, boom, and bust, 2025-2100 ..."
	@$(BIN)/fiscal report baseline boom bust --out reports/fiscal-report.pdf

PAGE ?= reports/brief.html
AXE := .axe
# Needs Chromium; axe-core comes from npm, is not part of the package, and is left out where npm cannot fetch it.
browser: $(INSTALLED)
	@test -f $(PAGE) || $(BIN)/fiscal report baseline boom bust --brief --out $(PAGE:.html=.pdf) --html $(PAGE) > /dev/null
	@test -f $(AXE)/package/axe.min.js || { mkdir -p $(AXE) && cd $(AXE) && npm pack --silent axe-core@4 > /dev/null && tar xzf axe-core-*.tgz package/axe.min.js && rm axe-core-*.tgz; } || echo "accessibility not checked: npm could not fetch axe-core" >&2
	@$(BIN)/fiscal page $(AXE)/sliders.html
	@axe=""; test -f $(AXE)/package/axe.min.js && axe="--axe $(AXE)/package/axe.min.js"; code=0; \
	$(BIN)/python tests/browser.py $(PAGE) $$axe || code=1; \
	$(BIN)/python tests/browser.py $(AXE)/sliders.html $$axe --sliders 50 || code=1; exit $$code

examples: $(INSTALLED)
	@work=$$(mktemp -d) && for name in baseline boom bust; do $(BIN)/fiscal run $$name --full --out $$work/$$name > /dev/null || exit 1; done \
	&& $(BIN)/fiscal report $$work/baseline $$work/boom $$work/bust --out $$work/report.pdf > /dev/null \
	&& $(BIN)/fiscal report $$work/baseline $$work/boom $$work/bust --brief --out $$work/brief.pdf > /dev/null \
	&& mkdir -p reports/examples && mv $$work/report.pdf $$work/brief.pdf reports/examples/ && rm -rf $$work

# The order matters: the schedules leave out the withdrawals that the model projects, and everything else needs the schedules.
STUDIES := validation cbo_reconciliation claim_reasons hindcast sensitivity drivers scenarios headline_variants base_case_steps page_lattice reform_effects
derived: $(INSTALLED)
	$(BIN)/fiscal markets fit
	$(BIN)/fiscal data derive own_withdrawals
	$(BIN)/fiscal schedules build
	for study in $(STUDIES); do $(BIN)/fiscal data derive $$study || exit 1; done

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

# What the tests call is compiled while the types are checked.
KERNELS := compiled-whole compiled-paths
compiled: $(KERNELS)
$(KERNELS): compiled-%: $(INSTALLED)
	@$(BIN)/python tests/compile_kernels.py $*

test: $(INSTALLED)
	@$(MAKE) --no-print-directory --jobs=2 compiled lint
	$(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

slow: $(INSTALLED)
	$(BIN)/python -m pytest -m slow

bench: $(INSTALLED)
	$(BIN)/python -m benchmarks

NAMES ?=
notebooks: $(INSTALLED)
	$(BIN)/python tests/run_notebooks.py $(NAMES)

lab: $(INSTALLED)
	$(BIN)/jupyter lab notebooks

faults: $(INSTALLED)
	$(BIN)/python tests/faults.py --kills 50
	$(BIN)/python tests/faults.py --kills 50 --real
	$(BIN)/python tests/faults.py --places

INPUTS ?= 1000000
fuzz: $(INSTALLED)
	$(BIN)/python tests/fuzz.py --inputs $(INPUTS)
	$(BIN)/python tests/ends.py

# A separate environment, because the audit is not part of the package. It reads the lock file and installs nothing from it.
AUDIT_VENV := .venv-audit
audit:
	@test -d $(AUDIT_VENV) || $(PYTHON) -m venv $(AUDIT_VENV)
	@$(AUDIT_VENV)/bin/python -m pip install --quiet pip-audit
	$(AUDIT_VENV)/bin/pip-audit --require-hashes --disable-pip -r requirements.lock

# In an environment of its own: the validator wants an older rich. The rules come with it, the terms from a file of ours.
CRATE_VENV := .venv-crate
RUN ?=
crate: $(INSTALLED)
	@test -x $(CRATE_VENV)/bin/rocrate-validator || { $(PYTHON) -m venv --clear $(CRATE_VENV) && $(CRATE_VENV)/bin/python -m pip install --quiet roc-validator; }
	@work=$$(mktemp -d) && run="$(RUN)" && if [ -z "$$run" ]; then run=$$work/run; $(BIN)/fiscal run baseline --set horizon.last_year=2036 --out $$run > /dev/null; fi \
	&& $(CRATE_VENV)/bin/python tools/crate/validate.py "$$run"; code=$$?; rm -rf $$work; exit $$code

FILE ?= reports/examples/report.pdf
UA_VENV := .venv-pdfua
# Typst refuses to write a PDF that breaks PDF/UA-1; this is a second look by another program, at the rules that it knows.
accessible:
	@test -x $(UA_VENV)/bin/pdfua || { $(PYTHON) -m venv --clear $(UA_VENV) && $(UA_VENV)/bin/python -m pip install --quiet pdfua==0.1.3; }
	@$(UA_VENV)/bin/pdfua check $(FILE)

licences: $(INSTALLED)
	$(BIN)/python tests/licences.py > docs/licences.md

reference: $(INSTALLED)
	$(BIN)/python docs/generator

# The site needs neither the package nor its environment: the pages that come from the code are already written.
$(DOCS_INSTALLED): requirements-docs.lock
	@$(PYTHON) -m venv --clear $(DOCS_VENV) || { echo "Python's venv module is incomplete; on Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
	@$(DOCS_VENV)/bin/python -m pip install --quiet --require-hashes --no-deps -r requirements-docs.lock
	@touch $@

docs: $(DOCS_INSTALLED)
	@NO_MKDOCS_2_WARNING=1 $(DOCS_VENV)/bin/python -m mkdocs build --strict
	@echo "site/ is built; python3 -m http.server --directory site serves it with search"

format: $(INSTALLED)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

COMPILE := uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header
lock:
	@command -v uv > /dev/null || { echo "make lock needs uv: python3 -m pip install uv" >&2; exit 1; }
	$(COMPILE) requirements.in -o requirements.lock
	$(COMPILE) --group docs -o requirements-docs.lock

clean:
	rm -rf $(VENV) $(DOCS_VENV) $(AXE) $(AUDIT_VENV) $(CRATE_VENV) site build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -path ./.git -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +
