# Every target sets up what it needs in .venv; nothing else is installed.

PYTHON ?= python3
TERRAFORM ?= terraform
BIN := .venv/bin
INSTALL := -m pip install --quiet --disable-pip-version-check --require-hashes
LOCK := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --only-binary :all:

.DEFAULT_GOAL := help
.PHONY: help demo up schedules chaos fuzz foreign night test test-fast test-large bench-transfer bench-latency bench-scan bench-walk bench-start bench-events endurance simulate acceptance check tf-check lock sbom audit format clean

help:  ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## */\t/' | awk -F'\t' '{printf "  make %-14s %s\n", $$1, $$2}'

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed, this is " + sys.version.split()[0])'
	@$(PYTHON) -m venv .venv || { echo "python3 -m venv does not work here; on Debian: apt-get install python3-venv" >&2; exit 1; }

.venv/.local: requirements-local.lock local/bucket-transfer | .venv/bin/python
	@echo "installing what the stack and the command-line tool need into .venv"
	@$(BIN)/python $(INSTALL) -r requirements-local.lock
	@install -m 755 local/bucket-transfer $(BIN)/bucket-transfer
	@touch $@

.venv/.dev: requirements-dev.lock .venv/.local
	@echo "installing what the tests need into .venv"
	@$(BIN)/python $(INSTALL) -r requirements-dev.lock
	@touch $@

.venv/.bench: requirements-bench.lock .venv/.dev
	@echo "installing what the benchmarks draw with into .venv"
	@$(BIN)/python $(INSTALL) -r requirements-bench.lock
	@touch $@

demo: .venv/.local  ## run the main job on the embedded stack (OBJECTS=3000, STACK=google, CDN_AUTH=signed-url)
	@OBJECTS="$(OBJECTS)" STACK="$(STACK)" CDN_AUTH="$(CDN_AUTH)" $(BIN)/python -m local.demo

up: .venv/.local  ## keep the stack running until Ctrl-C (PORT=8600, STACK, CDN_AUTH, LIST_SECONDS, VERIFY_SECONDS)
	@PORT="$(PORT)" STACK="$(STACK)" CDN_AUTH="$(CDN_AUTH)" LIST_SECONDS="$(LIST_SECONDS)" VERIFY_SECONDS="$(VERIFY_SECONDS)" $(BIN)/python -m local.up

test: check  ## check, then all tests, two at a time, about six minutes (WORKERS=2)
	@$(BIN)/python -m pytest -n $(or $(WORKERS),2) tests/e2e tests/functions tests/chaos tests/foreign tests/schedules tests/contract tests/browser tests/fuzz tests/unit

test-fast: .venv/.dev  ## the tests that start no server, about a minute
	@$(BIN)/python -m pytest -n $(or $(WORKERS),2) tests/unit

schedules: .venv/.dev  ## run seeded histories in virtual time against the laws (SCHEDULES=1000, SEED=7 tells one, MUTATE=all)
	@SCHEDULES="$(SCHEDULES)" ONLY="$(ONLY)" SEED="$(SEED)" FIRST="$(FIRST)" MUTATE="$(MUTATE)" $(BIN)/python -m tests.schedules

fuzz: .venv/.dev  ## feed hostile input to every reader of what others write (INPUTS=100000, ONLY=listing, SEED=7 tells one)
	@INPUTS="$(INPUTS)" ONLY="$(ONLY)" SEED="$(SEED)" FIRST="$(FIRST)" $(BIN)/python -m tests.fuzz

chaos: .venv/.dev  ## real processes and sockets in bad weather, against the laws (SEEDS=20, SEED=7 tells one, FIRST, MUTATE=all)
	@SEEDS="$(SEEDS)" SEED="$(SEED)" FIRST="$(FIRST)" WORKERS="$(WORKERS)" MUTATE="$(MUTATE)" $(BIN)/python -m tests.chaos

foreign: .venv/.dev  ## the main job on servers of others, others' clients on ours, as a table (ONLY=moto; docs/reliability.md)
	@ONLY="$(ONLY)" $(BIN)/python -m tests.foreign

night: .venv/.dev  ## what numbers draw, others each day: 50,000 schedules, 200 seeds of chaos, a million inputs (SHARE=1: a hundredth)
	@day=$$(( $$(date +%s) / 86400 )); failed=; share() { echo $$(( $$1 * $(or $(SHARE),100) / 100 )); }; \
	for world in transfer:20000 lister:10000 verifier:10000 events:10000; do only=$${world%:*}; \
	    ONLY=$$only SCHEDULES=$$(share $${world#*:}) FIRST=$$(( day * 20000 )) $(BIN)/python -m tests.schedules || failed="$$failed $$only"; \
	done; \
	SEEDS=$$(share 200) FIRST=$$(( day * 200 )) WORKERS="$(WORKERS)" $(BIN)/python -m tests.chaos || failed="$$failed chaos"; \
	INPUTS=$$(share 1000000) FIRST=$$(( day * 1000000 )) $(BIN)/python -m tests.fuzz || failed="$$failed fuzz"; \
	echo "day $$day:$${failed:- nothing} failed"; test -z "$$failed"

test-large: .venv/.dev  ## carry an object of 20 GiB through the real functions and report memory (LARGE_GIB=20)
	@LARGE_GIB="$(or $(LARGE_GIB),20)" $(BIN)/python -m pytest tests/e2e/test_large.py -k larger_than

bench-transfer: .venv/.bench  ## the transfer against rclone and threads, as a table and JSON (RUNS=5, ONLY=small,medium,large,tls)
	@RUNS="$(RUNS)" ONLY="$(ONLY)" $(BIN)/python -m benchmarks.transfer

bench-latency: .venv/.bench  ## the transfer alone with services far away: rate and memory (RUNS=5, LATENCY_MS=50,100,200, IN_FLIGHT, SIZES)
	@RUNS="$(RUNS)" LATENCY_MS="$(LATENCY_MS)" IN_FLIGHT="$(IN_FLIGHT)" SIZES="$(SIZES)" $(BIN)/python -m benchmarks.latency

bench-scan: .venv/.bench  ## CPU of a delta scan a key, against boto3 and rclone, as a table and JSON (RUNS=5, KEYS=200000)
	@RUNS="$(RUNS)" KEYS="$(KEYS)" $(BIN)/python -m benchmarks.scan

bench-walk: .venv/.bench  ## CPU of a comparison of both sides a key, with and without a manifest (RUNS=5)
	@RUNS="$(RUNS)" $(BIN)/python -m benchmarks.walk

bench-start: .venv/.bench  ## CPU of starting an instance of each function (RUNS=5)
	@RUNS="$(RUNS)" $(BIN)/python -m benchmarks.start

bench-events: .venv/.bench  ## how late copies of S3's events are, from outside and by the run, and their bill (EVENTS=10000, A_SECOND=200)
	@EVENTS="$(EVENTS)" A_SECOND="$(A_SECOND)" BYTES="$(BYTES)" $(BIN)/python -m benchmarks.events

endurance: .venv/.dev  ## very many small objects through the whole stack: memory, sockets, rate, counts (OBJECTS=200000, SIZE=64)
	@OBJECTS="$(OBJECTS)" SIZE="$(SIZE)" $(BIN)/python -m benchmarks.endurance

simulate: .venv/.bench  ## a first run of 3 billion objects on a virtual clock: hours, instances, bill, a plot (SCALE=1)
	@SCALE="$(SCALE)" $(BIN)/python -m benchmarks.simulate

acceptance: .venv/.local  ## ask the services what only they can say, after an apply (LIVE=1, TFVARS=mine.tfvars); else the stack
	@LIVE="$(LIVE)" TFVARS="$(TFVARS)" OUT="$(OUT)" TERRAFORM="$(TERRAFORM)" CDN_AUTH="$(CDN_AUTH)" $(BIN)/python -m acceptance

.venv/.policies: requirements-policies.lock | .venv/bin/python
	@echo "installing what checks policies into .venv/policies"
	@$(PYTHON) -m venv .venv/policies
	@.venv/policies/bin/python $(INSTALL) -r requirements-policies.lock
	@touch $@

check: .venv/.dev  ## lint, format and types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

tf-check: .venv/.dev .venv/.policies  ## Terraform: format, schemas, plans, planted mistakes and policies (TERRAFORM=terraform)
	@$(TERRAFORM) fmt -check -diff -recursive terraform
	@TERRAFORM="$(TERRAFORM)" $(BIN)/python -m pytest tests/terraform
	@report=$$(.venv/policies/bin/checkov --config-file terraform/.checkov.yaml --directory terraform); status=$$?; echo "$$report"; \
	case "$$report" in *"Parsing errors: "[1-9]*) echo "checkov could not read a file, and checked nothing in it" >&2; exit 1;; esac; exit $$status

lock: .venv/.dev  ## pin what requirements*.txt ask for, with all that it brings, to the hashes of its files (UPGRADE=1)
	@for name in requirements requirements-local requirements-dev requirements-bench requirements-policies; do \
	    case $$name in requirements-local) fixed="-c requirements.lock";; requirements-dev) fixed="-c requirements-local.lock";; \
	        requirements-bench) fixed="-c requirements-dev.lock";; *) fixed="";; esac; \
	    $(BIN)/$(LOCK) --custom-compile-command "make lock" $(if $(UPGRADE),--upgrade) $$fixed $$name.txt -o $$name.lock || exit 1; \
	done

sbom: .venv/.dev  ## list what each function deploys, in CycloneDX (build/sbom)
	@$(BIN)/python -m local.supply.sbom

audit: .venv/.dev  ## known vulnerabilities of all that is locked; status 2 where nobody can be asked (OSV_URL=)
	@OSV_URL="$(OSV_URL)" $(BIN)/python -m local.supply.audit

format: .venv/.dev  ## put the code into the one format
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

clean:  ## remove what the targets made
	@rm -rf .venv .local build .mypy_cache .ruff_cache .pytest_cache .hypothesis
