# Thin front of the Meson build: `make help` lists what there is.
BUILD ?= build
# -Dwasmedge=enabled, disabled or auto; other Meson options may follow.
OPTIONS ?=
DESTDIR ?=

.PHONY: all help setup demo test test-asan bench drills fuzz check install clean

all: $(BUILD)/build.ninja ## build everything
	@ninja -C $(BUILD)

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' Makefile | expand -t 22

setup: ## install the Debian packages that building and testing need
	@tools/setup.sh

$(BUILD)/build.ninja:
	@meson setup $(BUILD) $(OPTIONS)

demo: setup ## the main job end to end: compile, upload, register, invoke
	@$(MAKE) --no-print-directory all
	@tools/demo.sh $(BUILD)

test: setup ## every test suite, also with sanitizers and without the engine
	@tools/test.sh

bench: all ## medians, p99 and ratios of the real programs on loopback; BUILD/bench.json
	@ninja -C $(BUILD) bench-programs
	@python3 bench/bench.py $(BUILD)

drills: all ## attacks and kills for long: 10,000 worker kills, a neighbour's p99
	@SPEAR_DRILL_LONG=1 SPEAR_DRILL_KILLS=10000 meson test -C $(BUILD) --no-rebuild --suite drill --timeout-multiplier 20 --num-processes 1 --print-errorlogs --verbose

fuzz: setup ## every fuzzer for SECONDS (60) each
	@tools/fuzz.sh $(or $(SECONDS),60)

check: setup ## format, clang-tidy, cppcheck
	@tools/check.sh

install: all ## install below DESTDIR and the prefix
	@DESTDIR=$(DESTDIR) meson install -C $(BUILD) --no-rebuild

clean: ## remove the build folders
	@rm -rf $(BUILD) build-*
