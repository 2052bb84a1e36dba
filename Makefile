# dataplat: one database as a data platform.  "make help" lists the targets.
#
# "make demo" and "make test" install what is missing by themselves, so this
# file must parse on a machine that has no PostgreSQL yet.

EXTENSION = dataplat
EXTVERSION := $(shell sed -n "s/^default_version = '\(.*\)'/\1/p" dataplat.control)
MODULE_big = dataplat

include src/rooms.mk

OBJS = src/dataplat.o $(sort $(patsubst %.c,%.o,$(foreach r,$(ROOMS),$(wildcard src/$(r)/*.c))))

INSTALL_SQL = build/dataplat--$(EXTVERSION).sql
UPGRADE_SQL := $(patsubst src/upgrade/%.sql,build/dataplat--%.sql,$(wildcard src/upgrade/*--*.sql))
DATA_built = $(INSTALL_SQL) $(UPGRADE_SQL)
EXTRA_CLEAN = build $(OBJS:.o=.d)

# PostgreSQL 15 leaves PGDLLEXPORT empty, which would hide every function.
PG_CPPFLAGS = -Isrc -DDATAPLAT_VERSION='"$(EXTVERSION)"' \
	-DPGDLLEXPORT='__attribute__((visibility("default")))'
PG_CFLAGS = -std=gnu99 -fvisibility=hidden -Wextra -Wno-unused-parameter -Wno-sign-compare \
	-Wno-missing-field-initializers -Werror -MMD -MP
SHLIB_LINK += -lrdkafka -lcurl -lmicrohttpd -lpthread

# The server's flags were chosen for gcc; clang need not know all of them.
ifneq (,$(findstring clang,$(CC)))
PG_CFLAGS += -Wno-unknown-warning-option -Wno-ignored-optimization-argument -Wno-ignored-attributes
endif

# The flavour for crash tests: kill points are compiled in.
ifdef DATAPLAT_INJECTION
PG_CPPFLAGS += -DDATAPLAT_INJECTION
endif

# Line coverage, see "make coverage".
ifdef DATAPLAT_COVERAGE
PG_CFLAGS += --coverage -O0 -fprofile-abs-path -fprofile-update=atomic
SHLIB_LINK += --coverage
endif

all:

PG_CONFIG ?= pg_config
PGXS := $(wildcard $(shell $(PG_CONFIG) --pgxs 2>/dev/null))
ifneq ($(PGXS),)
override with_llvm = no
include $(PGXS)
else ifeq ($(DATAPLAT_SECOND_TRY),)
# No server headers yet: install them, then start again.
all install: FORCE
	test/kit/prereqs.sh build
	$(MAKE) $@ DATAPLAT_SECOND_TRY=1
else
all install: FORCE
	@echo "PG_CONFIG=$(PG_CONFIG) finds no server headers (pgxs.mk)"; exit 1
endif

# ---------------------------------------------------------------- building

# Objects know their headers (written by -MMD beside them), the flags they
# were built with, and that the libraries must be there first.
-include $(OBJS:.o=.d)
$(OBJS): build/flags | build/prereqs

build/flags: FORCE
	@mkdir -p build
	@echo '$(subst ','\'',$(CC) $(CPPFLAGS) $(CFLAGS) $(PGXS))' | cmp -s - $@ || \
		echo '$(subst ','\'',$(CC) $(CPPFLAGS) $(CFLAGS) $(PGXS))' > $@

build/prereqs: test/kit/prereqs.sh
	@mkdir -p build
	@test/kit/prereqs.sh build
	@touch $@

# Tables of all rooms first, then functions of all rooms, in floor order.  A room
# with much SQL has <room>.sql and <room>_<noun>.sql.
TABLES_SQL := $(foreach r,$(ROOMS),$(wildcard src/$(r)/$(r)_tables.sql))
FUNCTIONS_SQL := $(foreach r,$(ROOMS),$(filter-out %_tables.sql,$(sort $(wildcard src/$(r)/$(r).sql src/$(r)/$(r)_*.sql))))

$(INSTALL_SQL): src/header.sql $(TABLES_SQL) $(FUNCTIONS_SQL) dataplat.control
	@mkdir -p build
	cat src/header.sql $(TABLES_SQL) $(FUNCTIONS_SQL) > $@

# An upgrade is a small hand-written step for the tables, then all functions,
# which can be run again and again (test/t/090_upgrade.pl).
build/functions.sql: $(FUNCTIONS_SQL)
	@mkdir -p build
	cat $^ > $@

build/dataplat--%.sql: src/upgrade/%.sql build/functions.sql
	cat $^ > $@

# A release keeps its install script, so that upgrades from it can be tested.
release-snapshot: $(INSTALL_SQL)
	@mkdir -p test/upgrade
	cp $(INSTALL_SQL) test/upgrade/

# ------------------------------------------------------- showing and testing
#
# Everything below works in a private copy of the server, as an unprivileged
# user, and leaves nothing behind (test/kit/README.md).

ALL_SUITES = regress isolation pgtap tap kafka
export PG_CONFIG

demo:
	@test/kit/demo.sh

demo-stop:
	@test/kit/demo.sh stop

test:
	@test/kit/run.sh regress isolation pgtap lint tap kafka

$(addprefix test-,$(ALL_SUITES) lint):
	@test/kit/run.sh $(patsubst test-%,%,$@)

# The same tests on what "make install" has put into the server of PG_CONFIG.
installcheck: FORCE
	@test/kit/run.sh --installed $(ALL_SUITES)

$(addprefix installcheck-,$(ALL_SUITES)):
	@test/kit/run.sh --installed $(patsubst installcheck-%,%,$@)

bench:
	@test/bench/run.sh

bench-sustained:
	@test/bench/run.sh sustained

check-lint:
	@test/kit/run.sh lint

check-versions:
	@test/kit/versions.sh

check-fresh:
	@test/kit/fresh.sh

check-fuzz:
	@test/kit/prereqs.sh build fuzz
	@test/fuzz/run.sh $(SECONDS_EACH)

check-avro:
	@test/avro/run.sh

check-contract:
	@test/contract/run.sh

check-quality:
	@test/quality/run.sh

check-chaos:
	@test/chaos/run.sh

check-incremental:
	@test/incremental/run.sh

check-jsonschema:
	@test/jsonschema/run.sh

check-openlineage:
	@test/openlineage/run.sh

check-openlineage-all:
	@test/openlineage/run.sh all $(SUITES)

check-protobuf:
	@test/protobuf/run.sh

check-registry:
	@REGISTRY_SECONDS=$(or $(SECONDS),60) T=190_registry_load test/kit/run.sh tap

check-clients:
	@test/clients/run.sh

check-lineage:
	@test/lineage/run.sh

coverage:
	@test/kit/coverage.sh

format:
	@test/kit/format.sh

reference:
	@test/kit/reference.sh

help:
	@sed -n 's/^#h //p' Makefile

#h make                 build the library and the install script
#h make install         install them into the server that PG_CONFIG names
#h make demo            a private server, an embedded broker, live events to gold; it keeps running
#h make demo-stop       end and remove it        (DEMO_KEEP=0 make demo: at once)
#h make test            every test below, on a private server
#h make test-regress    SQL surface and errors       (T=name runs one test)
#h make test-isolation  races                        (T=name)
#h make test-pgtap      rules with many cases        (T=name)
#h make test-tap        crash, restart, upgrade      (T=name)
#h make test-kafka      a real Apache Kafka          (T=name)
#h make check-lint      the rules of the house       (T=name)
#h make installcheck    all tests on the installed extension
#h make check-versions  PostgreSQL 16, 17, 18, clang, the newest librdkafka
#h make check-fresh     demo and test in a bare Debian 12
#h make check-fuzz      fuzz the decoders            (SECONDS_EACH=150)
#h make check-avro      Avro against libavro-c and fastavro (ROUNDS=, SEED=)
#h make check-chaos     the long fault runs
#h make check-incremental  is incremental always equal to full (ROUNDS=, SEED=, ONLY=, KEEP_GOING=1)
#h make check-jsonschema  the public JSON-Schema-Test-Suite
#h make check-openlineage  every event and facet against OpenLineage's schemas (OPENLINEAGE_SPEC=dir)
#h make check-openlineage-all  and every event of the whole test run (SUITES="regress tap")
#h make check-protobuf  Protobuf as the official runtime reads and writes it (ROUNDS=, SEED=)
#h make check-contract  data contracts against ODCS 3.1 and its linter (SEED=)
#h make check-quality   results beside Great Expectations' own (ONLY=)
#h make check-registry  32 connections register schemas at once (SECONDS=60)
#h make check-clients   registry clients in Python, Go, Node and Rust against the HTTP worker (ONLY=)
#h make check-lineage   column lineage of TPC-H and TPC-DS against sqlglot (ONLY=tpcds:9)
#h make coverage        line coverage of src/
#h make bench           the speed table (ROUNDS=, ROWS=, ONLY=, BROKER=)
#h make bench-sustained ten gigabytes without a pause (GB=)
#h make format          indent the C sources
#h make reference       docs/reference.md from the comments of the extension
#h make release-snapshot  keep this version's install script for upgrade tests
#h variables            PG_CONFIG, CC, T, KEEP=dir (keep the private copy there)

FORCE:

.PHONY: FORCE release-snapshot demo demo-stop test installcheck bench bench-sustained check-lint check-versions check-fresh \
	check-fuzz check-avro check-chaos check-incremental check-jsonschema check-lineage check-openlineage check-openlineage-all check-protobuf check-quality check-contract check-registry check-clients coverage format reference help \
	$(addprefix test-,$(ALL_SUITES) lint) $(addprefix installcheck-,$(ALL_SUITES))
