# SPDX-License-Identifier: Apache-2.0
# Two commands: `make demo` and `make test`. Each installs what it lacks and says so.

CARGO ?= cargo
TARGET := target

.PHONY: help demo test test-kernels test-profiles bench docs build personas clean

help:
	@echo "make demo    scan a real image and say where the report is"
	@echo "make test    run all tests"
	@echo "make test-kernels   run the guard's tests in guests with all kernels"
	@echo "make test-profiles  run 31 programs under their system-call profiles (root)"
	@echo "make bench   measure against unblob and binwalk"
	@echo "make personas  personas of the honeypot for other architectures, into target/personas"
	@echo "make docs    write the generated docs"

build:
	@tools/install.sh build
	$(CARGO) build --quiet --release --package kakoi-cli

# The image is assembled from Debian's armhf packages: see demo/.
demo: 
	@tools/install.sh demo
	$(CARGO) build --quiet --release --package kakoi-cli
	@mkdir -p $(TARGET)/demo
	@test -e $(TARGET)/demo/router.bin || { echo "assembling an image from Debian's armhf packages"; demo/image.sh $(TARGET)/demo $(TARGET)/demo/router.bin; }
	$(TARGET)/release/kakoi scan $(TARGET)/demo/router.bin -o $(TARGET)/demo/report
	@echo
	@echo "The report: file://$(CURDIR)/$(TARGET)/demo/report/report.html"

# Everything is built once, with one set of features (another selection of packages would be another set): tests, `kakoi` and
# `xtask` come out of the same build.
test:
	@tools/install.sh test
	$(CARGO) fmt --all --check
	$(CARGO) clippy --quiet --workspace --all-targets -- --deny warnings
	$(CARGO) build --quiet --workspace --bins --examples --tests
	$(TARGET)/debug/xtask personas
	$(CARGO) test --quiet --workspace
	KAKOI_BIN=$(CURDIR)/$(TARGET)/debug/kakoi $(TARGET)/debug/xtask docs --check
	$(TARGET)/debug/xtask vm quick
	KAKOI_ARENA=$(CURDIR)/$(TARGET)/arena tests/arena/small.sh $(TARGET)/debug/kakoi $(TARGET)/small-router

# Every kernel of the matrix; writes docs/EVALUATION.md. Fetches about 600 MB of packages the first time.
test-kernels:
	@tools/install.sh vm
	$(CARGO) xtask vm evaluate-all
	$(CARGO) xtask vm harmless amd64-6.1
	$(CARGO) xtask vm harmless-bpf amd64-6.1
	$(CARGO) xtask vm stress mipsel-6.1 1000 1000 10 10000
	$(CARGO) xtask vm signed amd64-6.1
	$(CARGO) build --quiet --workspace --bins
	$(TARGET)/debug/xtask vm learn amd64-6.1

# 31 programs at work under strace, against their profiles; then under their filters. Writes docs/PROFILES.md. Needs root.
test-profiles:
	@tools/install.sh profiles
	$(CARGO) build --quiet --release --package kakoi-cli
	KAKOI_BIN=$(CURDIR)/$(TARGET)/release/kakoi $(CARGO) xtask profile-truth --more --enforce --write

bench:
	@tools/install.sh bench
	@tools/peers.sh $(TARGET)/bench/peers
	$(CARGO) xtask bench $(DATA)

# BusyBox of Debian for MIPS, ARM and AArch64, fetched by name, beside the descriptions in personas/.
personas:
	$(CARGO) xtask personas

docs:
	$(CARGO) xtask docs

clean:
	$(CARGO) clean
