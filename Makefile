# The one door to this repository: `make help` lists what is behind it.

# Warnings of our own modules are errors; SwiftPM keeps the flag from other people's packages.
# One set of flags for all debug builds, so that no target rebuilds what another has built.
FLAGS = -Xswiftc -warnings-as-errors
TIDY = swift run $(FLAGS) carillon-tidy

# The test targets that need the lab, as regular expressions.
QTEST_TESTS ?= QTest
GUEST_TESTS ?= Guest

.DEFAULT_GOAL := help
.PHONY: help build release install test test-one check lab lab-dsa qtest conformance guest-test guest-test-dsa vm-test static examples try bench fuzz check-deep tidy \
	layers rules unsafe format clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

build: ## Build everything for debugging
	swift build --build-tests $(FLAGS)

release: ## Build the program for use
	swift build -c release --product carillon
	swift build -c release --product interrupt-payload

PREFIX ?= /usr/local
BINDIR = $(PREFIX)/bin
DATADIR = $(PREFIX)/share
UNITDIR = $(PREFIX)/lib/systemd/system
SYSCONFDIR ?= /etc
PLACES = -e 's|@BINDIR@|$(BINDIR)|g' -e 's|@SYSCONFDIR@|$(SYSCONFDIR)|g'

install: release ## Install the program, manual, completions and units; DESTDIR= and PREFIX= say where
	install -D -m 755 .build/release/carillon '$(DESTDIR)$(BINDIR)/carillon'
	install -D -m 755 .build/release/interrupt-payload '$(DESTDIR)$(DATADIR)/carillon/interrupt-payload'
	install -D -m 644 Packaging/carillon.json '$(DESTDIR)$(DATADIR)/doc/carillon/carillon.json'
	install -d '$(DESTDIR)$(UNITDIR)' '$(DESTDIR)$(DATADIR)/bash-completion/completions' \
		'$(DESTDIR)$(DATADIR)/zsh/site-functions' '$(DESTDIR)$(DATADIR)/fish/vendor_completions.d'
	for unit in service socket; do \
		sed $(PLACES) Packaging/systemd/carillon.$$unit >'$(DESTDIR)$(UNITDIR)'/carillon.$$unit || exit 1; done
	install -D -m 644 Packaging/systemd/carillon.sysusers '$(DESTDIR)$(PREFIX)/lib/sysusers.d/carillon.conf'
	install -D -m 644 Packaging/systemd/carillon.tmpfiles '$(DESTDIR)$(PREFIX)/lib/tmpfiles.d/carillon.conf'
	Tools/manual.sh '$(DESTDIR)$(DATADIR)/man/man1'
	.build/release/carillon --generate-completion-script bash \
		>'$(DESTDIR)$(DATADIR)/bash-completion/completions/carillon'
	.build/release/carillon --generate-completion-script zsh \
		>'$(DESTDIR)$(DATADIR)/zsh/site-functions/_carillon'
	.build/release/carillon --generate-completion-script fish \
		>'$(DESTDIR)$(DATADIR)/fish/vendor_completions.d/carillon.fish'

test: ## Run the tests of this package
	@Tools/check.sh test

test-one: ## Run the tests whose identifier matches NAME=, such as MSIXTableScenarioTests
	@test -n "$(NAME)" || { echo "usage: make test-one NAME=REGEX" >&2; exit 64; }
	@Tools/check.sh test "$(NAME)"

check: ## Run everything that must hold: format, build, tests, lab, examples, a run
	@Tools/check.sh

lab: ## Fetch QEMU and guest kernels for the lab
	lab/setup.sh

lab-dsa: ## Fetch also what an accelerator's guest needs
	lab/setup.sh --dsa

qtest: lab ## Drive QEMU's devices without a guest
	@Tools/check.sh test '$(QTEST_TESTS)'

conformance: lab ## Write the table of rules and subjects anew
	@CARILLON_WRITE_REPORT=1 Tools/check.sh test 'ConformanceTests'

guest-test: lab ## Boot guests that judge the interrupts
	@Tools/check.sh test '$(GUEST_TESTS)'

guest-test-dsa: lab-dsa ## Boot guests with Linux's own driver on slices of an accelerator
	@Tools/check.sh test 'GuestDSA'

vm-test: lab ## Boot Linux on machines of our own, in guests that have KVM themselves
	@Tools/check.sh test 'GuestVM'

static: build ## Link a carillon that needs no libraries: .build/static/carillon
	@Tools/static.sh

examples: ## Build, test and run the examples
	@Tools/check.sh examples

try: ## Play a few interrupts, without KVM and without root
	swift run -c release carillon try

fuzz: ## Fuzz for SECONDS= each, all targets or TARGET=; findings land in .build/fuzz/findings
	@Tools/fuzz.sh $(or $(SECONDS),60) $(TARGET)

check-deep: ## Run all tests under the address and the thread sanitizer, and each fuzzer for 60 s
	@Tools/check-deep.sh

bench: ## Measure what an interrupt costs, against bare system calls
	swift run -c release --package-path Benchmarks --scratch-path .build carillon-bench $(BENCH)

tidy: ## Check the repository's own rules
	@$(TIDY) check

layers: ## Print the layers and what each module imports
	@$(TIDY) layers

rules: ## Print which specification rules and scenarios have a test
	@$(TIDY) rules

unsafe: ## Count the places that say `unsafe`
	@$(TIDY) unsafe

format: ## Rewrite the sources as .swift-format says
	find Package.swift Sources Tests Tools Examples -name '.build*' -prune -o -name '*.swift' \
		-print0 | xargs -0 swift format --in-place --parallel

clean: ## Remove what was built
	rm -rf .build Examples/*/.build
