# Everything a newcomer needs; `make help` lists it. Each target does its own set-up.
SHELL := /bin/sh
.DEFAULT_GOAL := help
PYTEST := .venv/bin/python -m pytest -n 2 --dist loadgroup

.PHONY: help
help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 18

.PHONY: setup
setup: ## make .venv from uv.lock, with the `berth` command in it
	@sh scripts/setup.sh

.PHONY: up
up: setup ## boot the platform on this machine and serve the catalogue
	@.venv/bin/berth up

.PHONY: down
down: setup ## stop the platform; its data stays
	@.venv/bin/berth down

.PHONY: test
test: setup ## run all tests, the real programs included
	@.venv/bin/berth tools install --for-tests
	$(PYTEST) $(ARGS)

.PHONY: soak
soak: setup ## run what takes longer than CI has time for: all our images, built twice and started; 20 minutes
	@.venv/bin/berth tools install --for-tests
	.venv/bin/python -m pytest -m soak $(ARGS)

.PHONY: test-vllm
test-vllm: setup ## run the engine's guard on the real vLLM, two versions on the CPU; 6 GB
	@.venv/bin/python -m tests.vllm.install
	nice .venv/bin/python -m pytest tests/vllm $(ARGS)

.PHONY: check
check: setup ## format, lint, types, import directions, secrets; changes nothing
	@.venv/bin/berth tools install gitleaks
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy .
	.venv/bin/lint-imports
	.venv/bin/python -m scripts.ops.leaks

.PHONY: format
format: setup ## format, and fix what the linter can fix by itself
	.venv/bin/ruff check --fix .
	.venv/bin/ruff format .

.PHONY: golden
golden: setup ## write the golden files anew; read the diff before you commit it
	.venv/bin/python -m pytest -q tests/test_golden.py tests/nomad_jobs/test_fields.py tests/infra/agents \
		tests/infra/compute/test_user_data.py --golden
	git add --intent-to-add tests/golden tests/nomad_jobs/fields
	git --no-pager diff --stat -- tests/golden tests/nomad_jobs/fields

.PHONY: bench
bench: setup ## measure what docs/benchmarks.md shows
	.venv/bin/python -m bench

.PHONY: bench-cold
bench-cold: setup ## measure a first start with empty caches; half an hour, 15 GB
	.venv/bin/python -m bench.cold
