# The front door: `make help`.

SCENARIO ?= likes## name of a scenario in loadtests/photoapp/scenarios/, or a TOML file
DURATION ?=## measured window of a bench in seconds, in place of the scenario's own
RATE ?=## factor on all rates of the scenario
OUT ?=## folder for the results, in place of runs/TIME-SCENARIO
KEEP ?=##+ 1 drives the data of the stack that is up, in place of new data
BASE_PORT ?=## first port of the stack, on loopback (8400); two clones need two
TOPOLOGY ?=## counts of the parts: small (the default), 2011, or a TOML file
STORAGE ?=##+ place of the data: memory, disk, or unsynced (disk without syncs); memory where there is room

ERRORS ?=##+ 1 adds an error tracker to the stack; the report lists its errors
USERS ?= 4000##+ number of users that `make seed` creates
FOLLOWS ?= 20##+ number of users that each of them follows
PROCESSES ?=##+ number of generator processes of a bench, in place of one; of `make swarm`, on each host
HOSTS ?=##+ hosts of the workers of `make swarm`: a,b,c as ssh knows them, or a fleet file
CODE ?=##+ folder of the code on these hosts, in place of the release of `fab deploy`
MASTER ?=##+ HOST[:PORT] at which these hosts reach this machine, in place of the address that ssh shows
WEB ?=##+ 1 shows Locust's web UI on loopback during a bench
RUN ?=## folder of a finished run for `make view`, in place of the stack that is up
BASE ?=## revision that `make compare` takes as the baseline
CANDIDATE ?= HEAD## revision that `make compare` compares with BASE
BLOCKS ?=##+ number of blocks a side of `make compare`
DRILL ?=##+ the faults of `make drill`, in place of all
SCALE ?=##+ number of instances of a service for compose-up, such as app=5
WITHOUT ?=##+ a service that `make compose-up` leaves out
BUILD ?=##+ 0 uses the existing image (LIKESTORM_SERVICE_IMAGE)
GRAFANA_URL ?=##+ Grafana for `make dashboards`; a bench marks its window there too
GRAFANA_TOKEN ?=##+ token of a Grafana service account
TEST_PROCESSES ?= 4##+ number of processes that share the tests

PYTHON := .venv/bin/python
CONTAINERS := $(PYTHON) -m compose.containers
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help
LIST_TARGETS = awk -F ':.*$(1) ' '/^[a-z-]+:.*$(1) / { printf "  %-20s %s\n", $$1, $$2 }' Makefile
LIST_VARIABLES = awk -F ' *[?]= *|$(1) ' '/^[A-Z_]+ [?]=.*$(1) / { printf "  %-20s %s%s\n", $$1, $$3, $$2 == "" ? "" : " (" $$2 ")" }' Makefile
.PHONY: help setup setup-dev setup-errors setup-containers compose-up compose-bench compose-down test-containers bench swarm up down status seed rolling-restart test test-crowd lint lint-style lint-types lint-rules verify compare dashboards dashboards-generate view drill accuracy lock figures overhead clean

# ## marks a line of the first part, ##+ a line under "more".
help: ## show this list
	@echo 'make TARGET [VARIABLE=value …]'
	@echo
	@$(call LIST_TARGETS,##)
	@echo
	@$(call LIST_VARIABLES,##)
	@echo
	@echo more:
	@$(call LIST_TARGETS,##[+])
	@echo
	@$(call LIST_VARIABLES,##[+])
	@echo
	@echo '  make itself turns every failure into exit status 2. CI that must tell a broken budget (99) from an'
	@echo '  invalid (98) or inconclusive (97) run calls: $(PYTHON) -m likestorm run SCENARIO'

setup: ## install the virtual environment and the server packages (does nothing when all is there)
	@sh compose/setup.sh run

setup-dev: ##+ install what lint and tests need as well
	@sh compose/setup.sh dev

setup-errors: setup ##+ install the error tracker's environment, which ERRORS=1 needs
	@sh compose/setup.sh errors

setup-containers: setup ##+ install podman and podman-compose, unless Docker is there
	@docker compose version >/dev/null 2>&1 || sh compose/setup.sh containers

# Settings of the reference stack, as options of `likestorm run` and of `compose`.
STACK_SETTINGS = $(if $(TOPOLOGY),--set 'target.topology=$(TOPOLOGY)') $(if $(BASE_PORT),--set target.base_port=$(BASE_PORT)) \
	$(if $(STORAGE),--set target.storage=$(STORAGE)) $(if $(filter 1,$(ERRORS)),--set target.errors=true) \
	$(if $(filter 1,$(KEEP)),--set target.keep=true)
STACK_OPTIONS = $(if $(TOPOLOGY),--topology '$(TOPOLOGY)') $(if $(BASE_PORT),--base-port $(BASE_PORT)) \
	$(if $(STORAGE),--storage $(STORAGE)) $(if $(filter 1,$(ERRORS)),--errors)
PORT_OPTION = $(if $(BASE_PORT),--base-port $(BASE_PORT))

bench: setup $(if $(filter 1,$(ERRORS)),setup-errors) ## start the stack, run SCENARIO on it, judge it, write a report, stop the stack
	@$(PYTHON) -m likestorm run $(SCENARIO) $(STACK_SETTINGS) $(if $(DURATION),--duration $(DURATION)) $(if $(RATE),--rate $(RATE)) \
		$(if $(OUT),--out '$(OUT)') $(if $(PROCESSES),--processes $(PROCESSES)) $(if $(filter 1,$(WEB)),--web)

swarm: setup ##+ bench a service of your own with load from workers on HOSTS (fab swarm)
	@$(PYTHON) -m fabric --search-root compose swarm --scenario '$(SCENARIO)' $(if $(filter %.toml,$(HOSTS)),--fleet,--hosts) '$(HOSTS)' \
		$(if $(CODE),--code '$(CODE)') $(if $(MASTER),--master '$(MASTER)') $(if $(PROCESSES),--processes $(PROCESSES)) \
		--options '$(if $(DURATION),--duration $(DURATION)) $(if $(RATE),--rate $(RATE)) $(if $(OUT),--out $(OUT)) $(if $(filter 1,$(WEB)),--web)'

up: setup $(if $(filter 1,$(ERRORS)),setup-errors) ## start the stack with data; it stays until `make down`
	@$(PYTHON) -m compose up $(STACK_OPTIONS)

down: ## stop the stack; its logs stay in .stack/logs
	@test ! -x $(PYTHON) || $(PYTHON) -m compose down

status: setup ## show the parts that run: pid, port, memory
	@$(PYTHON) -m compose status

compose-up: setup-containers ##+ start the stack in containers (docker compose or podman); it stays until `make compose-down`
	@$(CONTAINERS) up $(if $(TOPOLOGY),--topology '$(TOPOLOGY)') $(if $(SCALE),--scale $(SCALE)) $(if $(WITHOUT),--without $(WITHOUT)) $(if $(filter 0,$(BUILD)),--no-build)

compose-bench: setup-containers ##+ run SCENARIO on the containers, from a container of their network
	@mkdir -p runs
	@$(CONTAINERS) bench -- $(SCENARIO) $(if $(DURATION),--duration $(DURATION)) $(if $(RATE),--rate $(RATE)) \
		$(if $(OUT),--out '$(OUT)') $(if $(filter 1,$(KEEP)),--set target.keep=true)

compose-down: setup-containers ##+ remove the containers, their data and their secrets
	@$(CONTAINERS) down

seed: setup ##+ fill the stack that is up with USERS users and three photos each on average, in place of its data
	@$(PYTHON) -m compose seed --users $(USERS) --follows $(FOLLOWS)

rolling-restart: setup ##+ restart app servers and nginx of the stack that is up one by one, without a failed request
	@$(PYTHON) -m compose rolling-restart

compare: setup ## run BASE and CANDIDATE in turn and say whether CANDIDATE is slower
	@$(PYTHON) -m likestorm compare-revisions '$(BASE)' '$(CANDIDATE)' --scenario $(SCENARIO) $(STACK_SETTINGS) \
		$(if $(filter likes,$(SCENARIO)),--pilot loadtests/benchmarks/blocks.json) \
		$(if $(BLOCKS),--blocks $(BLOCKS)) $(if $(DURATION),--duration $(DURATION)) $(if $(RATE),--rate $(RATE)) $(if $(OUT),--out '$(OUT)')

view: setup ## serve the dashboards as a page on loopback: of the stack that is up, or of a finished RUN
	@$(PYTHON) -m dashboards view $(if $(RUN),--run $(RUN))

dashboards: setup ##+ publish folder, data source and dashboards to the Grafana at GRAFANA_URL
	@GRAFANA_URL=$(GRAFANA_URL) GRAFANA_TOKEN=$(GRAFANA_TOKEN) $(PYTHON) -m dashboards push

drill: setup ##+ inject faults into a stack and check that the right alerts page (all: 40 minutes, nothing else running)
	@$(PYTHON) -m alerts.drills $(DRILL) $(PORT_OPTION) $(if $(OUT),--out '$(OUT)')

accuracy: setup ##+ compare reported percentiles with their true values (four minutes, nothing else running)
	@$(PYTHON) -m loadtests.accuracy

verify: setup-dev setup-errors ## the long batteries: mutants, accuracy, bad and clean runs, faults, comparison (nothing else running)
	@$(PYTHON) -m alerts mutate
	@$(PYTHON) -m pytest -q -m long
	@$(PYTHON) -m loadtests.accuracy
	@$(PYTHON) -m tests.verify.corpus --clean 20 --stack $(PORT_OPTION)
	@$(PYTHON) -m loadtests.photoapp.faultproof $(PORT_OPTION)
	@$(PYTHON) -m loadtests.benchmarks.comparison

# Tests start hundreds of Python processes: where bytecode is not kept, compiling takes a third of the time.
test: export PYTHONDONTWRITEBYTECODE =
# Most tests wait for servers half of the time, and lint runs in that time.
test: setup-dev ## lint, and all tests except those of `make verify` and `make test-containers`
	@$(MAKE) --jobs=2 test-crowd lint-style lint-rules lint-types
	@$(PYTHON) -m pytest -q -n $(TEST_PROCESSES) -m 'timed and not long'
	@$(PYTHON) -m pytest -q -m 'alone and not long'

test-crowd:
	@$(PYTHON) -m pytest -q -n $(TEST_PROCESSES) -m 'not timed and not alone and not long'

test-containers: setup-dev ##+ test the stack in containers: podman, images made of Debian's packages
	@sh compose/setup.sh containers || [ $$? = 2 ]
	@$(PYTHON) -m pytest -q -m containers

lint: setup-dev ##+ check style, types, import contracts and alert rules
	@$(MAKE) --jobs=2 --output-sync=target lint-types lint-rules lint-style

lint-style:
	@.venv/bin/ruff check --quiet .
	@.venv/bin/ruff format --check --quiet .
	@said=$$(.venv/bin/lint-imports 2>&1) || { echo "$$said"; exit 1; }

lint-types:
	@$(PYTHON) -m mypy --no-error-summary

lint-rules:
	@$(PYTHON) -m alerts check

dashboards-generate: setup-dev ##+ write dashboards/generated and alerts/generated
	@$(PYTHON) -m dashboards generate
	@$(PYTHON) -m alerts generate

lock: setup-dev ##+ resolve requirements/*.in into requirements/*.txt with hashes
	@.venv/bin/uv pip compile --quiet --generate-hashes --no-header --no-annotate --python-version 3.11 \
		requirements/run.in --output-file requirements/run.txt
	@.venv/bin/uv pip compile --quiet --generate-hashes --no-header --no-annotate --python-version 3.11 \
		requirements/dev.in --output-file requirements/dev.txt
	@.venv/bin/uv pip compile --quiet --generate-hashes --no-header --no-annotate --python-version 3.11 \
		requirements/errors.in --output-file requirements/errors.txt
	@.venv/bin/uv pip compile --quiet --generate-hashes --no-header --no-annotate --python-version 3.11 \
		requirements/containers.in --output-file requirements/containers.txt
	@.venv/bin/uv pip compile --quiet --generate-hashes --no-header --no-annotate --python-version 3.11 \
		requirements/fast.in --output-file requirements/fast.txt

figures: setup ##+ measure the figures of BENCHMARKS.md and write it (two hours, nothing else running)
	@$(PYTHON) -m loadtests.benchmarks.figures $(PORT_OPTION)

overhead: setup-dev ##+ compare a like with a bare Flask route with one INSERT (six minutes, nothing else running)
	@$(PYTHON) -m loadtests.benchmarks.overhead $(PORT_OPTION)

clean: down ##+ remove caches and logs; results in runs/ stay
	@rm -rf .stack .cache .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
	@find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +
