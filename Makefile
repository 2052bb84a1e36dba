# dataplat: one database as a data platform.
#
# "make demo" and "make test" install what is missing by themselves, so this
# file must parse on a machine that has no PostgreSQL yet.

EXTENSION = dataplat
EXTVERSION := $(shell sed -n "s/^default_version = '\(.*\)'/\1/p" dataplat.control)
MODULE_big = dataplat

include src/rooms.mk

OBJS = src/dataplat.o $(sort $(patsubst %.c,%.o,$(foreach r,$(ROOMS),$(wildcard src/$(r)/*.c))))

INSTALL_SQL = build/dataplat--$(EXTVERSION).sql
DATA_built = $(INSTALL_SQL)
EXTRA_CLEAN = build

# PostgreSQL 15 leaves PGDLLEXPORT empty, which would hide every function.
PG_CPPFLAGS = -Isrc -DDATAPLAT_VERSION='"$(EXTVERSION)"' \
	-DPGDLLEXPORT='__attribute__((visibility("default")))'
PG_CFLAGS = -std=gnu99 -fvisibility=hidden -Wextra -Wno-unused-parameter -Wno-sign-compare \
	-Wno-missing-field-initializers -Werror
SHLIB_LINK += -lrdkafka -lcurl -lpthread

ifdef DATAPLAT_INJECTION
PG_CPPFLAGS += -DDATAPLAT_INJECTION
endif

PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs 2>/dev/null)
ifneq ($(PGXS),)
with_llvm = no
include $(PGXS)
endif

# Tables of all rooms first, then functions of all rooms, in floor order.
TABLES_SQL := $(foreach r,$(ROOMS),$(wildcard src/$(r)/$(r)_tables.sql))
FUNCTIONS_SQL := $(foreach r,$(ROOMS),$(wildcard src/$(r)/$(r).sql))

$(INSTALL_SQL): src/header.sql $(TABLES_SQL) $(FUNCTIONS_SQL) dataplat.control
	@mkdir -p build
	cat src/header.sql $(TABLES_SQL) $(FUNCTIONS_SQL) > $@
