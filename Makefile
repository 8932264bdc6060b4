# SPDX-License-Identifier: Apache-2.0
# Two commands: `make demo` and `make test`. Each installs what it lacks and says so.

CARGO ?= cargo
TARGET := target

.PHONY: help demo test bench docs build clean

help:
	@echo "make demo    scan a real image and say where the report is"
	@echo "make test    run all tests"
	@echo "make bench   measure against unblob and binwalk"
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

test:
	@tools/install.sh test
	$(CARGO) fmt --all --check
	$(CARGO) clippy --quiet --workspace --all-targets -- --deny warnings
	$(CARGO) test --quiet --workspace
	$(CARGO) xtask docs --check

bench:
	@tools/install.sh bench
	@tools/peers.sh $(TARGET)/bench/peers
	$(CARGO) xtask bench $(DATA)

docs:
	$(CARGO) xtask docs

clean:
	$(CARGO) clean
