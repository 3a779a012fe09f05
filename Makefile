# The store's commands. `make run` and `make test` install what is missing on Debian 12.
#
#   make run        build, and open the store at http://localhost:8080 (PORT and DATA override)
#   make test       all tests: unit, contract, over HTTP, in the browser
#   make bench      figures beside nginx, in one run
#   make build      the program alone, in build/
#   make asan tsan  the C tests under AddressSanitizer + UBSan, and under ThreadSanitizer
#   make format     clang-format over the C code

BUILD := build
NPM_FLAGS := --no-audit --no-fund --loglevel=error
PYTEST := /usr/bin/python3 -m pytest -q -p no:cacheprovider
export PYTHONDONTWRITEBYTECODE := 1

.PHONY: run test build bench asan tsan fuzz format format-check clean packages test-packages install \
	tests-built test-c test-api test-web

run: build
	@exec $(BUILD)/src/winestore serve --demo

build: packages web/dist/index.html $(BUILD)/build.ninja
	@ninja -C $(BUILD) --quiet

packages:
	@tools/install-packages run

test-packages:
	@tools/install-packages run test

$(BUILD)/build.ninja: | packages
	@echo "Configuring the build in $(BUILD)"
	@meson setup $(BUILD) > /dev/null || { cat $(BUILD)/meson-logs/meson-log.txt; exit 1; }

web/node_modules/.package-lock.json: web/package.json web/package-lock.json | packages
	@echo "Fetching the web page's parts (npm ci)"
	@cd web && npm ci $(NPM_FLAGS)
	@touch $@

WEB_SOURCES := $(shell find web/src web/tools web/public -type f 2> /dev/null) \
	$(wildcard web/*.html web/*.ts web/*.json)

web/dist/index.html: web/node_modules/.package-lock.json $(WEB_SOURCES)
	@echo "Building the web page"
	@cd web && npm run --silent build
	@touch $@

test: test-packages build tests-built test-c test-api test-web

# A build configured before the test tools were there is told of them.
tests-built: build
	@ninja -C $(BUILD) -t query tests/unit/test_base > /dev/null 2>&1 || \
		meson configure $(BUILD) -Dtests=enabled
	@ninja -C $(BUILD) --quiet

test-c: tests-built
	meson test -C $(BUILD) --print-errorlogs --no-rebuild --timeout-multiplier 6

test-api: tests-built
	$(PYTEST) tests/api tests/fault

test-web: build
	node --test tests/web/*.test.mjs

bench: test-packages tests-built
	@tools/install-packages bench
	@/usr/bin/python3 bench/run.py $(BENCH)

asan: test-packages
	@test -f build-asan/build.ninja || meson setup build-asan -Dbuildtype=debugoptimized \
		-Db_sanitize=address,undefined -Db_lundef=false > /dev/null
	@ninja -C build-asan --quiet
	meson test -C build-asan --print-errorlogs --no-rebuild --timeout-multiplier 6

tsan: test-packages
	@test -f build-tsan/build.ninja || meson setup build-tsan -Dbuildtype=debugoptimized \
		-Db_sanitize=thread -Db_lundef=false > /dev/null
	@ninja -C build-tsan --quiet
	TSAN_OPTIONS=suppressions=$(CURDIR)/tests/tsan.supp meson test -C build-tsan --print-errorlogs --no-rebuild --timeout-multiplier 6

# Each fuzz target for FUZZ_SECONDS, from its corpus; what it finds lies in build-fuzz.
FUZZ_SECONDS ?= 30
fuzz: test-packages
	@tools/install-packages fuzz
	@test -f build-fuzz/build.ninja || CC=clang CFLAGS=-fsanitize=fuzzer-no-link meson setup build-fuzz \
		-Dbuildtype=debugoptimized -Db_sanitize=address,undefined -Db_lundef=false > /dev/null
	@for target in fuzz/fuzz_*.c; do \
		name=$$(basename $$target .c); corpus=fuzz/corpus/$${name#fuzz_}; \
		ninja -C build-fuzz --quiet fuzz/$$name && mkdir -p build-fuzz/found/$$name && \
		build-fuzz/fuzz/$$name -max_total_time=$(FUZZ_SECONDS) -timeout=10 -rss_limit_mb=1500 \
			-artifact_prefix=build-fuzz/found/$$name- build-fuzz/found/$$name $$corpus || exit 1; \
	done

format:
	clang-format -i $$(git ls-files '*.c' '*.h')

format-check:
	clang-format --dry-run -Werror $$(git ls-files '*.c' '*.h')

install: build
	meson install -C $(BUILD)

clean:
	rm -rf $(BUILD) build-asan build-tsan web/dist web/node_modules
