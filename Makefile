# Every target does its own set-up. CARGO_TARGET_DIR is respected.

.PHONY: help setup build demo test check clean

help:
	@echo 'make demo    a year of real sales at three stalls, through outages, to the centre'
	@echo '             STORES=3 SKIP_STORES=0 DAYS=365 KEEP=1 JSON=1'
	@echo 'make test    all tests'
	@echo 'make check   format, clippy, dependencies'
	@echo 'make build   the three programs, in the release profile'
	@echo 'make setup   the system packages that a build needs'
	@echo 'make clean   removes what cargo built'

setup:
	@scripts/setup.sh

build: setup
	@scripts/build.sh

demo:
	@scripts/setup.sh demo
	@scripts/build.sh
	@scripts/demo.sh

test:
	@scripts/setup.sh test
	@scripts/test.sh

check: setup
	@scripts/check.sh

clean:
	cargo clean

# Variables given to make reach demo.sh through the environment.
export STORES SKIP_STORES DAYS KEEP JSON
