# SPDX-License-Identifier: ISC
#
# preforkd is built by this one file, from the root, into build/FLAVOUR/.
# Sources are found by wildcard, flags are remembered: a change of either
# rebuilds what depends on it. CFLAGS, CPPFLAGS, LDFLAGS and LDLIBS are yours
# and come last; what the project needs is in names of its own.
#
#     make V=1                     shows the commands
#     make DEVELOPER=1             warnings are errors
#     make FLAVOUR=asan            address and undefined behaviour sanitizers
#     make test TESTS=tests/10-x.bats      only these (also tests/unit/test_x.c)
#     make install DESTDIR=/tmp/x PREFIX=/usr

VERSION = 0.1.0
FLAVOUR ?= release

# --- where things go ---------------------------------------------------------

PREFIX ?= /usr/local
SYSCONFDIR ?= /etc
BINDIR ?= $(PREFIX)/bin
SBINDIR ?= $(PREFIX)/sbin
MANDIR ?= $(PREFIX)/share/man
DOCDIR ?= $(PREFIX)/share/doc/preforkd
INCLUDEDIR ?= $(PREFIX)/include
INITDIR ?= $(SYSCONFDIR)/init.d
DEFAULTDIR ?= $(SYSCONFDIR)/default
UNITDIR ?= $(PREFIX)/lib/systemd/system
SYSUSERSDIR ?= $(PREFIX)/lib/sysusers.d
TMPFILESDIR ?= $(PREFIX)/lib/tmpfiles.d
BASHCOMPDIR ?= $(PREFIX)/share/bash-completion/completions
ZSHCOMPDIR ?= $(PREFIX)/share/zsh/site-functions
INSTALL ?= install

# --- what there is -----------------------------------------------------------

BUILD := build/$(FLAVOUR)
OBJ := $(BUILD)/obj

COMMON := $(wildcard common/*.c)
WORKER := $(wildcard worker/*.c worker/handlers/*.c)
SUPERVISOR := $(filter-out supervisor/main.c,$(wildcard supervisor/*.c))
CLIENT_SOURCES := $(wildcard clients/*.c)
UNIT_SOURCES := $(wildcard tests/unit/test_*.c)
FUZZ_SOURCES := $(wildcard tests/fuzz/fuzz_*.c)
MAN := $(wildcard docs/*.[1-9])

# clients/NAME.c is a program; clients/NAME_part.c are its modules, and
# clients/client_part.c those that several programs share.
CLIENT_SHARED := $(wildcard clients/client_*.c)
CLIENTS := $(foreach c,$(basename $(notdir $(CLIENT_SOURCES))),\
	$(if $(findstring _,$(c)),,$(c)))
DAEMON := $(if $(wildcard supervisor/main.c),preforkd)
SBIN_PROGRAMS := $(DAEMON) $(filter %ctl %sniff,$(CLIENTS))
BIN_PROGRAMS := $(filter-out $(SBIN_PROGRAMS),$(CLIENTS))
UNIT := $(UNIT_SOURCES:tests/unit/%.c=$(BUILD)/unit/%)
FUZZ := $(FUZZ_SOURCES:tests/fuzz/%.c=$(BUILD)/fuzz/%)

objects = $(patsubst %.c,$(OBJ)/%.o,$(1))

# --- flags -------------------------------------------------------------------

PKG_CONFIG ?= pkg-config
pkg_cflags := $(shell $(PKG_CONFIG) --cflags libbsd-overlay inih jansson \
	libssl libpcap ncursesw 2>&1)
# Linked as needed: no program has one that it does not call.
pkg_libs := $(shell $(PKG_CONFIG) --libs libbsd-overlay inih jansson libssl \
	libcrypto 2>&1)
# libs_NAME: what only the program NAME links with.
libs_preforkctl := $(shell $(PKG_CONFIG) --libs ncursesw 2>&1)
libs_preforksniff := $(shell $(PKG_CONFIG) --libs libpcap 2>&1)
libs_preforkcat := -pthread
libs_preforkbench := -pthread
# A constructor that setproctitle(3) needs; linked into the daemon only.
ctor_libs := $(shell $(PKG_CONFIG) --libs libbsd-ctor 2>&1)

DEFAULT_CFLAGS_asan = -O1 -g
DEFAULT_CFLAGS_fuzz = -O1 -g
CFLAGS ?= $(or $(DEFAULT_CFLAGS_$(FLAVOUR)),-O2 -g)

FLAVOUR_FLAGS_asan = -fsanitize=address,undefined \
	-fno-sanitize-recover=undefined -fno-omit-frame-pointer
FLAVOUR_FLAGS_fuzz = -fsanitize=fuzzer-no-link,address,undefined \
	-fno-sanitize-recover=undefined -fno-omit-frame-pointer
FLAVOUR_FLAGS = $(FLAVOUR_FLAGS_$(FLAVOUR))

WARNINGS = -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
	-Wpointer-arith -Wcast-qual -Wwrite-strings -Wundef -Wformat=2 -Wvla \
	$(if $(filter 1,$(DEVELOPER)),-Werror)

# _FORTIFY_SOURCE needs an optimizing compiler, gets in the way of the
# sanitizers and is left alone when the user set it. Some compilers predefine
# it, hence the -U.
optimized = $(filter-out -O0,$(filter -O%,$(CFLAGS)))
FORTIFY = $(if $(findstring _FORTIFY_SOURCE,$(CPPFLAGS) $(CFLAGS)),,\
	-U_FORTIFY_SOURCE $(if $(FLAVOUR_FLAGS),,\
	$(if $(optimized),-D_FORTIFY_SOURCE=2)))
HARDENING = -fno-common -fstack-protector-strong -fPIE $(FORTIFY)

DEFINES = -D_GNU_SOURCE -DPREFORKD_VERSION='"$(VERSION)"' \
	-DPREFORKD_SYSCONFDIR='"$(SYSCONFDIR)"' -DPREFORKD_FLAVOUR='"$(FLAVOUR)"'

COMPILE = $(CC) -std=c11 -I. $(DEFINES) $(WARNINGS) $(HARDENING) \
	$(FLAVOUR_FLAGS) $(pkg_cflags) $(CPPFLAGS) $(CFLAGS)
LINK = $(CC) -pie -Wl,-z,relro,-z,now -Wl,--as-needed $(FLAVOUR_FLAGS) \
	$(CFLAGS) $(LDFLAGS)

# --- output ------------------------------------------------------------------

ifeq ($(V),1)
say = @:
quiet =
else
say = @printf '  %-8s%s\n' $(1) $(2)
quiet = @
endif

# --- targets that people call ------------------------------------------------

.PHONY: all
all: $(addprefix $(BUILD)/,$(SBIN_PROGRAMS) $(BIN_PROGRAMS)) ## build the programs (default)

# Dependencies come first and may bring the very compiler and pkg-config whose
# answers this file needs, so that the rest is read anew by a second make.
.PHONY: run
run: ## install what is missing to build, build, and serve etc/demo.ini
	@./deps.sh build
	@$(MAKE) --no-print-directory all
	@$(MAKE) --no-print-directory demo-certificate
	@echo 'to try its TLS, in another terminal:'
	@echo '    echo hello | $(BUILD)/preforkcat --ca build/run/tls/ca.pem tls://localhost:7443'
	@echo '    openssl s_client -CAfile build/run/tls/ca.pem -verify_return_error localhost:7443'
	@exec $(BUILD)/preforkd -c etc/demo.ini

.PHONY: test
test: ## install what is missing to test, build, run every test
	@./deps.sh build test
	@$(MAKE) --no-print-directory all unit bench-programs
	@PREFORKD_BIN=$(CURDIR)/$(BUILD) tests/run $(TESTS)

.PHONY: asan
asan: ## the same with address and undefined behaviour sanitizers
	@$(MAKE) --no-print-directory test FLAVOUR=asan

# For etc/demo.ini, which make run serves and tests read.
.PHONY: demo-certificate
demo-certificate:
	@etc/demo-certificate.sh build/run/tls

.PHONY: unit
unit: $(UNIT) demo-certificate ## build the unit tests
	@:

.PHONY: fuzz
fuzz: ## run each fuzz target for FUZZ_SECONDS (10; needs clang)
	@./deps.sh build fuzz
	@$(MAKE) --no-print-directory fuzz-run FLAVOUR=fuzz CC=clang

.PHONY: chaos
chaos: ## all faults by chance under load, CHAOS_SECONDS (120), CHAOS_SEED
	@./deps.sh build test
	@$(MAKE) --no-print-directory all
	@PREFORKD_BIN='$(CURDIR)/$(BUILD)' tests/chaos/run

.PHONY: sweep
sweep: ## fail each system call once, and kill at each (SWEEP=quick: fewer)
	@./deps.sh build test
	@$(MAKE) --no-print-directory all
	@PREFORKD_BIN='$(CURDIR)/$(BUILD)' tests/sweep/run

.PHONY: bench
bench: ## measure against the peers that the machine has (BENCH="--list")
	@./deps.sh build bench
	@$(MAKE) --no-print-directory all bench-tools
	@PREFORKD_BIN='$(CURDIR)/$(BUILD)' \
	    BENCH_COMMAND=$(call quoted,make bench$(if $(BENCH), BENCH='$(BENCH)')) \
	    tests/bench/run $(BENCH)

.PHONY: bench-deps
bench-deps: ## install the peers that bench measures against
	@./deps.sh bench peers

.PHONY: lint
lint: ## check format, shell, C, includes and man pages
	@./deps.sh build test lint
	@tests/lint

.PHONY: deps
deps: ## install what building and testing need (apt-get, dnf, apk)
	@./deps.sh build test

.PHONY: clean
clean: ## remove everything made
	rm -rf build

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-10s %s\n", $$1, $$2 }' \
	    $(firstword $(MAKEFILE_LIST))

# --- how it is made ----------------------------------------------------------

.PHONY: FORCE
FORCE:

quoted = '$(subst ','\'',$(1))'
remember = $(quiet)mkdir -p $(@D); printf '%s\n' $(call quoted,$(1)) | \
	cmp -s - $@ || printf '%s\n' $(call quoted,$(1)) >$@

$(BUILD)/flags: FORCE
	$(call remember,$(COMPILE) / $(LINK) / $(pkg_libs) $(ctor_libs) \
	    $(libs_preforkctl) $(libs_preforksniff) $(libs_preforkcat) $(libs_preforkbench))

# A source that came or went changes the list, which renews the archives.
$(BUILD)/sources: FORCE
	$(call remember,$(COMMON) $(WORKER) $(SUPERVISOR) $(CLIENT_SOURCES))

$(OBJ)/%.o: %.c $(BUILD)/flags
	$(call say,CC,$<)
	$(quiet)mkdir -p $(@D)
	$(quiet)$(COMPILE) -MMD -MP -c -o $@ $<

# Clients link with what they share and common alone, tests with all but main();
# of the clients' modules they get those that they call.
CLIENT_MODULES := $(filter-out $(CLIENTS:%=clients/%.c),$(CLIENT_SOURCES))
$(BUILD)/clients.a: $(call objects,$(CLIENT_SHARED) $(COMMON))
$(BUILD)/all.a: $(call objects,$(COMMON) $(WORKER) $(SUPERVISOR))
$(BUILD)/modules.a: $(call objects,$(CLIENT_MODULES))
$(BUILD)/clients.a $(BUILD)/all.a $(BUILD)/modules.a: $(BUILD)/sources
	$(call say,AR,$@)
	$(quiet)rm -f $@
	$(quiet)$(AR) rcs $@ $(filter %.o,$^)

$(BUILD)/preforkd: $(call objects,$(COMMON) $(WORKER) $(SUPERVISOR) \
    supervisor/main.c) $(BUILD)/sources
	$(call say,LINK,$@)
	$(quiet)$(LINK) -o $@ $(filter %.o,$^) $(ctor_libs) $(pkg_libs) $(LDLIBS)

define client_rule
$(BUILD)/$(1): $(call objects,clients/$(1).c $(wildcard clients/$(1)_*.c)) \
    $(BUILD)/clients.a
	$$(call say,LINK,$$@)
	$$(quiet)$$(LINK) -o $$@ $$^ $$(libs_$(1)) $$(pkg_libs) $$(LDLIBS)
endef
$(foreach c,$(CLIENTS),$(eval $(call client_rule,$(c))))

$(BUILD)/unit/%: $(OBJ)/tests/unit/%.o $(BUILD)/all.a $(BUILD)/modules.a
	$(call say,LINK,$@)
	$(quiet)mkdir -p $(@D)
	$(quiet)$(LINK) -o $@ $^ $(BUILD)/all.a -lcmocka \
	    $(pkg_libs) $(LDLIBS)

$(BUILD)/fuzz/%: $(OBJ)/tests/fuzz/%.o $(BUILD)/all.a $(BUILD)/modules.a
	$(call say,LINK,$@)
	$(quiet)mkdir -p $(@D)
	$(quiet)$(LINK) -fsanitize=fuzzer -o $@ $^ $(BUILD)/all.a \
	    $(pkg_libs) $(LDLIBS)

# The yardsticks of the benchmark; Go's only where Go is.
# tests/bench/NAME.c is a program; tests/bench/NAME_part.c are its modules.
BENCH_SOURCES := $(wildcard tests/bench/*.c)
BENCH_C := $(foreach c,$(basename $(notdir $(BENCH_SOURCES))),\
	$(if $(findstring _,$(c)),,$(c)))
BENCH_PROGRAMS := $(BENCH_C:%=$(BUILD)/bench/%)
.PHONY: bench-programs bench-tools
bench-programs: $(BENCH_PROGRAMS)
	@:
bench-tools: bench-programs \
    $(if $(shell command -v go),$(BUILD)/bench/echo-go)
	@:

define bench_rule
$(BUILD)/bench/$(1): \
    $(call objects,tests/bench/$(1).c $(wildcard tests/bench/$(1)_*.c))
	$$(call say,LINK,$$@)
	$$(quiet)mkdir -p $$(@D)
	$$(quiet)$$(LINK) -o $$@ $$^ $$(libs_tls) $$(pkg_libs) $$(LDLIBS)
endef
$(foreach c,$(BENCH_C),$(eval $(call bench_rule,$(c))))

$(BUILD)/bench/echo-go: tests/bench/echo.go
	$(call say,GO,$@)
	$(quiet)mkdir -p $(@D)
	$(quiet)GOFLAGS=-mod=mod GO111MODULE=off go build -o $@ $<

FUZZ_SECONDS ?= 10
.PHONY: fuzz-run
fuzz-run: $(FUZZ)
	$(quiet)set -e; for f in $(FUZZ); do \
	    mkdir -p "$$f.corpus"; \
	    seeds=tests/fuzz/seeds/$${f##*/fuzz_}; \
	    [ -d "$$seeds" ] || seeds=; \
	    echo "  FUZZ    $$f"; \
	    "$$f" -max_total_time=$(FUZZ_SECONDS) -artifact_prefix="$$f-" \
	        "$$f.corpus" $$seeds >"$$f.log" 2>&1 || \
	        { tail -n 40 "$$f.log"; exit 1; }; \
	done

.SECONDARY:
.DELETE_ON_ERROR:
-include $(shell find $(OBJ) -name '*.d' 2>/dev/null)

# --- installing --------------------------------------------------------------

# The files in etc/ and docs/ name the places of a distribution's package; what
# is installed names those of this installation.
STAGE := $(BUILD)/stage
BASH_COMPLETION := $(wildcard etc/completion/bash/*)
ZSH_COMPLETION := $(wildcard etc/completion/zsh/_*)
STAGED := etc/preforkd.ini etc/default/preforkd etc/init.d/preforkd \
	$(addprefix etc/systemd/preforkd.,service socket sysusers tmpfiles) $(MAN) \
	$(BASH_COMPLETION) $(ZSH_COMPLETION)
DOCS := $(wildcard README.md LICENSE docs/*.md)
DIRS = $(SBINDIR) $(BINDIR) $(INCLUDEDIR) $(DOCDIR) $(INITDIR) $(DEFAULTDIR) \
	$(UNITDIR) $(SYSUSERSDIR) $(TMPFILESDIR) $(BASHCOMPDIR) $(ZSHCOMPDIR) \
	$(SYSCONFDIR)/preforkd/conf.d \
	$(sort $(foreach m,$(MAN),$(MANDIR)/man$(call section,$(m))))
places = sed -e 's|/usr/sbin/|$(SBINDIR)/|g' \
	-e 's|/etc/preforkd|$(SYSCONFDIR)/preforkd|g' \
	-e 's|/etc/default/|$(DEFAULTDIR)/|g'
section = $(subst .,,$(suffix $(1)))

$(BUILD)/places: FORCE
	$(call remember,$(places))

$(STAGE)/%: % $(BUILD)/places
	$(quiet)mkdir -p $(@D)
	$(quiet)$(places) $< >$@

# $(call keep,FILE,TO): a configuration that is there stays as it is; where the
# new one differs it is laid beside, as .dist.
keep = cmp -s $(STAGE)/$(1) '$(DESTDIR)$(2)' || { \
	dist=; [ ! -e '$(DESTDIR)$(2)' ] || dist=.dist; \
	$(INSTALL) -m 644 $(STAGE)/$(1) '$(DESTDIR)$(2)'"$$dist"; }

.PHONY: install
install: all $(addprefix $(STAGE)/,$(STAGED)) ## install below DESTDIR and PREFIX; keeps a configuration
	$(INSTALL) -d $(DIRS:%='$(DESTDIR)%')
	$(if $(SBIN_PROGRAMS),$(INSTALL) -m 755 $(SBIN_PROGRAMS:%=$(BUILD)/%) '$(DESTDIR)$(SBINDIR)/')
	$(if $(BIN_PROGRAMS),$(INSTALL) -m 755 $(BIN_PROGRAMS:%=$(BUILD)/%) '$(DESTDIR)$(BINDIR)/')
	$(INSTALL) -m 644 worker/preforkd.h '$(DESTDIR)$(INCLUDEDIR)/'
	$(INSTALL) -m 644 $(DOCS) '$(DESTDIR)$(DOCDIR)/'
	set -e; $(foreach m,$(MAN),$(INSTALL) -m 644 $(STAGE)/$(m) \
	    '$(DESTDIR)$(MANDIR)/man$(call section,$(m))/';)
	$(INSTALL) -m 755 $(STAGE)/etc/init.d/preforkd '$(DESTDIR)$(INITDIR)/'
	$(INSTALL) -m 644 $(STAGE)/etc/systemd/preforkd.service \
	    $(STAGE)/etc/systemd/preforkd.socket '$(DESTDIR)$(UNITDIR)/'
	$(INSTALL) -m 644 $(STAGE)/etc/systemd/preforkd.sysusers \
	    '$(DESTDIR)$(SYSUSERSDIR)/preforkd.conf'
	$(INSTALL) -m 644 $(STAGE)/etc/systemd/preforkd.tmpfiles \
	    '$(DESTDIR)$(TMPFILESDIR)/preforkd.conf'
	$(INSTALL) -m 644 $(BASH_COMPLETION:%=$(STAGE)/%) '$(DESTDIR)$(BASHCOMPDIR)/'
	$(INSTALL) -m 644 $(ZSH_COMPLETION:%=$(STAGE)/%) '$(DESTDIR)$(ZSHCOMPDIR)/'
	$(call keep,etc/default/preforkd,$(DEFAULTDIR)/preforkd)
	$(call keep,etc/preforkd.ini,$(SYSCONFDIR)/preforkd/preforkd.ini)

.PHONY: uninstall
uninstall: ## remove what install put, but no configuration
	rm -f $(addprefix '$(DESTDIR)$(SBINDIR)'/,$(SBIN_PROGRAMS)) \
	    $(addprefix '$(DESTDIR)$(BINDIR)'/,$(BIN_PROGRAMS)) \
	    $(foreach m,$(MAN),'$(DESTDIR)$(MANDIR)'/man$(call section,$(m))/$(notdir $(m))) \
	    $(addprefix '$(DESTDIR)$(DOCDIR)'/,$(notdir $(DOCS))) \
	    '$(DESTDIR)$(INCLUDEDIR)/preforkd.h' \
	    '$(DESTDIR)$(INITDIR)/preforkd' \
	    '$(DESTDIR)$(UNITDIR)/preforkd.service' \
	    '$(DESTDIR)$(UNITDIR)/preforkd.socket' \
	    '$(DESTDIR)$(SYSUSERSDIR)/preforkd.conf' \
	    '$(DESTDIR)$(TMPFILESDIR)/preforkd.conf' \
	    $(addprefix '$(DESTDIR)$(BASHCOMPDIR)'/,$(notdir $(BASH_COMPLETION))) \
	    $(addprefix '$(DESTDIR)$(ZSHCOMPDIR)'/,$(notdir $(ZSH_COMPLETION))) \
	    '$(DESTDIR)$(DEFAULTDIR)/preforkd.dist' \
	    '$(DESTDIR)$(SYSCONFDIR)/preforkd/preforkd.ini.dist'
	-@rmdir '$(DESTDIR)$(DOCDIR)' '$(DESTDIR)$(SYSCONFDIR)/preforkd/conf.d' \
	    '$(DESTDIR)$(SYSCONFDIR)/preforkd' 2>/dev/null || :
