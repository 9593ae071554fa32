# The front door: `make help`.

SCENARIO ?= likes## what a bench runs: a name of loadtests/photoapp/scenarios/, or a TOML file
DURATION ?=## seconds that a bench measures, in place of the scenario's own
RATE ?=## factor on the scenario's rates
OUT ?=## folder for the bench's results, in place of runs/TIME-SCENARIO
KEEP ?=## 1 drives the data that a stack which is up holds, instead of filling it anew
BASE_PORT ?=## first of the stack's ports, all on loopback (8400); two clones need two
TOPOLOGY ?=## shape of the stack: small (unless told), 2011, or a TOML file with counts of your own
STORAGE ?=## memory, disk or unsynced (disk, for which nobody waits): where the data lies; memory where there is room, unless told

ERRORS ?=## 1 adds an error tracker to the stack; the report lists what it was told
USERS ?= 4000## how many users `make seed` makes
FOLLOWS ?= 20## how many others each of them follows
PROCESSES ?=## processes that make a bench's load, in place of one; of `make swarm`, on each host
HOSTS ?=## where `make swarm` makes its load: a,b,c as ssh knows them, or a fleet file
CODE ?=## folder of the code on these hosts, in place of likestorm/current, where `fab deploy` puts it
MASTER ?=## HOST[:PORT] at which they find this machine, in place of the address from which it reaches them
WEB ?=## 1 shows Locust's web UI on loopback while a bench runs
RUN ?=## folder of a finished run for `make view`, in place of the stack that is up
BASE ?=## revision that `make compare` takes as the baseline
CANDIDATE ?= HEAD## revision that it compares with it
BLOCKS ?=## blocks a side of `make compare`
DRILL ?=## the faults of `make drill`, in place of all
SCALE ?=## how many of a service compose-up starts, such as app=5
WITHOUT ?=## a service that `make compose-up` leaves out
BUILD ?=## 0: our image is there already (LIKESTORM_SERVICE_IMAGE)
GRAFANA_URL ?=## where `make dashboards` brings them; a bench marks itself there too
GRAFANA_TOKEN ?=## with this service account's token
TEST_PROCESSES ?= 4## how many processes share the tests

PYTHON := .venv/bin/python
CONTAINERS := $(PYTHON) -m compose.containers
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help
.PHONY: help setup setup-dev setup-errors setup-containers compose-up compose-bench compose-down test-containers bench swarm up down status seed rolling-restart test test-crowd lint lint-style lint-types lint-rules verify compare dashboards dashboards-generate view drill accuracy lock figures overhead clean

help: ## this list
	@echo 'make TARGET [VARIABLE=value …]'
	@echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-20s %s\n", $$1, $$2 }' Makefile
	@echo
	@awk -F ' *[?]= *|## ' '/^[A-Z_]+ [?]=/ { printf "  %-20s %s%s\n", $$1, $$3, $$2 == "" ? "" : " (" $$2 ")" }' Makefile
	@echo
	@echo '  make itself turns every failure into exit status 2. CI that must tell a broken budget (99) from an'
	@echo '  invalid (98) or inconclusive (97) run calls: $(PYTHON) -m likestorm run SCENARIO'

setup: ## what a bench needs: virtual environment and server packages (does nothing when all is there)
	@sh compose/setup.sh run

setup-dev: ## the same, and what lint and tests need
	@sh compose/setup.sh dev

setup-errors: setup ## the error tracker's environment, which ERRORS=1 needs
	@sh compose/setup.sh errors

setup-containers: setup ## podman and podman-compose, unless Docker is there
	@docker compose version >/dev/null 2>&1 || sh compose/setup.sh containers

# What the reference stack is asked to be, as settings of a scenario's target and as options of `compose`.
STACK_SETTINGS = $(if $(TOPOLOGY),--set 'target.topology=$(TOPOLOGY)') $(if $(BASE_PORT),--set target.base_port=$(BASE_PORT)) \
	$(if $(STORAGE),--set target.storage=$(STORAGE)) $(if $(filter 1,$(ERRORS)),--set target.errors=true) \
	$(if $(filter 1,$(KEEP)),--set target.keep=true)
STACK_OPTIONS = $(if $(TOPOLOGY),--topology '$(TOPOLOGY)') $(if $(BASE_PORT),--base-port $(BASE_PORT)) \
	$(if $(STORAGE),--storage $(STORAGE)) $(if $(filter 1,$(ERRORS)),--errors)
PORT_OPTION = $(if $(BASE_PORT),--base-port $(BASE_PORT))

bench: setup $(if $(filter 1,$(ERRORS)),setup-errors) ## boot the stack, run SCENARIO against it, judge it, write a report, take the stack down
	@$(PYTHON) -m likestorm run $(SCENARIO) $(STACK_SETTINGS) $(if $(DURATION),--duration $(DURATION)) $(if $(RATE),--rate $(RATE)) \
		$(if $(OUT),--out '$(OUT)') $(if $(PROCESSES),--processes $(PROCESSES)) $(if $(filter 1,$(WEB)),--web)

swarm: setup ## bench a service of your own with load from HOSTS, led from here
	@$(PYTHON) -m likestorm run $(SCENARIO) --hosts '$(HOSTS)' $(if $(CODE),--code '$(CODE)') $(if $(MASTER),--master-bind '$(MASTER)') \
		$(if $(DURATION),--duration $(DURATION)) $(if $(RATE),--rate $(RATE)) $(if $(OUT),--out '$(OUT)') \
		$(if $(PROCESSES),--processes $(PROCESSES)) $(if $(filter 1,$(WEB)),--web)

up: setup $(if $(filter 1,$(ERRORS)),setup-errors) ## start the stack with seeded data, to stay until `make down`
	@$(PYTHON) -m compose up $(STACK_OPTIONS)

down: ## stop the stack; only .stack/logs is left
	@test ! -x $(PYTHON) || $(PYTHON) -m compose down

status: setup ## what runs: part, pid, port, memory
	@$(PYTHON) -m compose status

compose-up: setup-containers ## the same stack in containers, to stay until `make compose-down` (docker compose or podman)
	@$(CONTAINERS) up $(if $(TOPOLOGY),--topology '$(TOPOLOGY)') $(if $(SCALE),--scale $(SCALE)) $(if $(WITHOUT),--without $(WITHOUT)) $(if $(filter 0,$(BUILD)),--no-build)

compose-bench: setup-containers ## run SCENARIO against the containers, from one of their network: same judge, same report
	@mkdir -p runs
	@$(CONTAINERS) bench -- $(SCENARIO) $(if $(DURATION),--duration $(DURATION)) $(if $(RATE),--rate $(RATE)) \
		$(if $(OUT),--out '$(OUT)') $(if $(filter 1,$(KEEP)),--set target.keep=true)

compose-down: setup-containers ## remove the containers, their data and their secrets
	@$(CONTAINERS) down

seed: setup ## fill a stack that is up with USERS users and three photos each on average, in place of what it holds
	@$(PYTHON) -m compose seed --users $(USERS) --follows $(FOLLOWS)

rolling-restart: setup ## restart app servers and nginx of a stack that is up one by one, with no request failed
	@$(PYTHON) -m compose rolling-restart

compare: setup ## build BASE and CANDIDATE, run them in turn, and say whether CANDIDATE is slower
	@$(PYTHON) -m likestorm compare-revisions '$(BASE)' '$(CANDIDATE)' --scenario $(SCENARIO) $(STACK_SETTINGS) \
		$(if $(filter likes,$(SCENARIO)),--pilot loadtests/benchmarks/blocks.json) \
		$(if $(BLOCKS),--blocks $(BLOCKS)) $(if $(DURATION),--duration $(DURATION)) $(if $(RATE),--rate $(RATE)) $(if $(OUT),--out '$(OUT)')

view: setup ## serve the dashboards as a page on loopback: of the stack that is up, or of a finished RUN
	@$(PYTHON) -m dashboards view $(if $(RUN),--run $(RUN))

dashboards: setup ## bring folder, data source and dashboards to the Grafana at GRAFANA_URL, with GRAFANA_TOKEN
	@GRAFANA_URL=$(GRAFANA_URL) GRAFANA_TOKEN=$(GRAFANA_TOKEN) $(PYTHON) -m dashboards push

drill: setup ## do faults to a stack and see whether the right alerts reach a person (all: 40 minutes, nothing else running)
	@$(PYTHON) -m alerts.drills $(DRILL) $(PORT_OPTION) $(if $(OUT),--out '$(OUT)')

accuracy: setup ## are the reported percentiles true? (four minutes, nothing else running)
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
test: setup-dev ## lint, and all tests but those of `make verify` and `make test-containers`
	@$(MAKE) --jobs=2 test-crowd lint-style lint-rules lint-types
	@$(PYTHON) -m pytest -q -n $(TEST_PROCESSES) -m 'timed and not long'
	@$(PYTHON) -m pytest -q -m 'alone and not long'

test-crowd:
	@$(PYTHON) -m pytest -q -n $(TEST_PROCESSES) -m 'not timed and not alone and not long'

test-containers: setup-dev ## the stack in containers, really run: podman, images made from Debian's packages
	@sh compose/setup.sh containers || [ $$? = 2 ]
	@$(PYTHON) -m pytest -q -m containers

lint: setup-dev ## style, types, import contracts, alert rules
	@$(MAKE) --jobs=2 --output-sync=target lint-types lint-rules lint-style

lint-style:
	@.venv/bin/ruff check --quiet .
	@.venv/bin/ruff format --check --quiet .
	@said=$$(.venv/bin/lint-imports 2>&1) || { echo "$$said"; exit 1; }

lint-types:
	@$(PYTHON) -m mypy --no-error-summary

lint-rules:
	@$(PYTHON) -m alerts check

dashboards-generate: setup-dev ## write dashboards/generated and alerts/generated anew
	@$(PYTHON) -m dashboards generate
	@$(PYTHON) -m alerts generate

lock: setup-dev ## resolve requirements/*.in anew into requirements/*.txt, with hashes
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

figures: setup ## measure what the README quotes: start-up, bench, memory (half an hour, nothing else running)
	@$(PYTHON) -m loadtests.benchmarks.figures $(PORT_OPTION)

overhead: setup-dev ## what a like costs beside a bare Flask route with one INSERT (six minutes, nothing else running)
	@$(PYTHON) -m loadtests.benchmarks.overhead $(PORT_OPTION)

clean: down ## remove caches and logs; results in runs/ stay
	@rm -rf .stack .cache .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
	@find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +
