# zarrfs. `make` alone lists the rules; a line with ## is its description.

SHELL := /usr/bin/env bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help setup build release install uninstall demo test test-unit test-end test-thread test-address \
        check format coverage bench matrix stress fuzz clean

PREFIX ?= /usr/local
SECONDS_TO_FUZZ ?= 60
# Of `make stress`.
SECONDS ?= 600
SEEDS ?= 10000
PYTEST := .venv/bin/python -m pytest -c Tests/EndToEnd/pytest.ini Tests/EndToEnd
# The toolchain's own: another version cannot read what its compiler counts.
LLVM_COV = $$(dirname "$$(readlink -f "$$(command -v swift)")")/llvm-cov
# They wait more than they work. What is chosen by ARGS runs in one process, so that -s shows what it prints.
WORKERS = $(if $(ARGS),,-n 3 --dist worksteal)
SOURCES := Sources Tests Package.swift
# The linker's own notes on a static runtime are no warnings of ours.
RELEASE := swift build -c release --static-swift-stdlib --product zarrfs -Xlinker -s

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## install what building and testing needs (Debian packages, pinned Python environments)
	@scripts/setup

build: ## the debug binary, .build/debug/zarrfs
	@scripts/setup build
	swift build

release: ## one stripped binary with Swift's runtime inside, .build/release/zarrfs
	@scripts/setup build
	$(RELEASE)

install: release ## to PREFIX (/usr/local): the binary, the man page, mount.zarrfs for fstab, and the unit for systemd
	install -D -m 755 .build/release/zarrfs $(DESTDIR)$(PREFIX)/bin/zarrfs
	install -d $(DESTDIR)/sbin
	ln -sf $(PREFIX)/bin/zarrfs $(DESTDIR)/sbin/mount.zarrfs
	install -d $(DESTDIR)$(PREFIX)/lib/systemd/system
	sed 's|/usr/local/bin/|$(PREFIX)/bin/|' mount-helpers/zarrfs@.service > $(DESTDIR)$(PREFIX)/lib/systemd/system/zarrfs@.service
	install -D -m 644 docs/zarrfs.1 $(DESTDIR)$(PREFIX)/share/man/man1/zarrfs.1

uninstall: ## take away what install put there
	rm -f $(DESTDIR)$(PREFIX)/bin/zarrfs $(DESTDIR)/sbin/mount.zarrfs $(DESTDIR)$(PREFIX)/share/man/man1/zarrfs.1 \
	  $(DESTDIR)$(PREFIX)/lib/systemd/system/zarrfs@.service

demo: ## mount a bucket on this machine, read it cold, warm, and with its server gone
	@scripts/demo

test: setup test-unit test-end ## everything: unit tests, then end to end through kernel mounts

test-unit: ## the Swift tests alone
	@scripts/setup build
	swift build --build-tests
	swift test --skip-build

test-end: ## the end-to-end tests alone (ARGS='-k smoke' to choose)
	@scripts/setup
	swift build --product zarrfs
	$(PYTEST) $(WORKERS) $(ARGS)

test-thread: ## unit tests and a mounted scenario under the thread sanitizer; its canary must fail
	@scripts/setup
	scripts/sanitize thread

test-address: ## the same under the address sanitizer
	@scripts/setup
	scripts/sanitize address

check: ## format, shell syntax, links in the documents, warnings
	swift format lint --recursive --strict $(SOURCES)
	scripts/check-shell
	scripts/check-links
	@scripts/setup build
	swift build

format: ## put the sources into the house's format
	swift format --in-place --recursive $(SOURCES)

coverage: ## lines that no unit test runs, by file
	@scripts/setup build
	swift test --enable-code-coverage --scratch-path .build-coverage
	$(LLVM_COV) report .build-coverage/debug/zarrfsPackageTests.xctest \
	  -instr-profile .build-coverage/debug/codecov/default.profdata \
	  --ignore-filename-regex='(\.build|Tests)'

bench: release ## zarrfs beside the local disk, rclone and plain curl (ARGS='--rtt 100')
	@scripts/setup
	.venv/bin/python Benchmarks/bench.py $(ARGS)

matrix: ## every fault with every reader; writes the tables of docs/reliability.md (MATRIX_ONLY='403 / all' to choose)
	@scripts/setup
	swift build --product zarrfs
	MATRIX_RESULTS=.build/matrix.jsonl MATRIX_TABLE=docs/reliability.md $(PYTEST) -m matrix -o faulthandler_timeout=0 $(ARGS)

stress: ## the long loops: SECONDS of everything at once, every fault, 300 kills, 10,000 seeds and 300 mounted, a million names
	@scripts/setup
	swift build --product zarrfs --build-tests
	ZARRFS_STRESS=1 ZARRFS_STRESS_SECONDS=$(SECONDS) $(PYTEST) -m stress -s --timeout 7200 -o faulthandler_timeout=7200 $(ARGS)
	ZARRFS_STRESS=1 ZARRFS_SEEDS=$(SEEDS) swift test --skip-build --filter 'ReferenceTests|PowerLossTests'
	.venv/bin/python Benchmarks/names.py --zarrfs .build/debug/zarrfs --names 1000000

fuzz: ## every parser, SECONDS_TO_FUZZ each
	Fuzz/run.sh $(SECONDS_TO_FUZZ)

clean: ## everything that was built; the Python environments stay
	rm -rf .build .build-thread .build-address .build-coverage .build-fuzz
