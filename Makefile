# Engram. `make help` lists what can be asked for.

B := build
MAKEFLAGS += --no-builtin-rules
.SUFFIXES:
.DELETE_ON_ERROR:

CC := gcc
NASM := nasm

WARN := -std=c11 -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wundef -Wvla
# The guest's vector and x87 registers stay in the CPU while the hypervisor runs, so it must never touch them.
HV_CFLAGS := $(WARN) -O2 -g -ffreestanding -mgeneral-regs-only -mno-red-zone -mcmodel=kernel -fno-pic -fno-pie \
	-fno-stack-protector -fno-asynchronous-unwind-tables -fcf-protection=none -fno-strict-aliasing \
	-iquote hv -isystem hv/lib/include
HOST_CFLAGS := $(WARN) -O2 -g -D_GNU_SOURCE -iquote hv -iquote tools

ZYDIS_FLAGS := -DZYAN_NO_LIBC -DZYDIS_STATIC_BUILD -DZYCORE_STATIC_BUILD -DZYDIS_DISABLE_FORMATTER -DZYDIS_DISABLE_ENCODER
ZYDIS_FILES := Decoder DecoderData SharedData Segment Utils Register MetaInfo Mnemonic Zydis

# Targets that build need the packages and sources first; asking make itself keeps one list of them.
.PHONY: all help run test bench iso clean setup check format
all: $(B)/engram.elf $(B)/engram iso

help:
	@sed -n 's/^#: //p' $(firstword $(MAKEFILE_LIST))

# ---- what Debian must provide ----------------------------------------------

-include $(B)/deps.mk
$(B)/deps.mk: scripts/setup.sh scripts/fetch.sh scripts/lib.sh
	@mkdir -p $(B)
	@scripts/setup.sh build > $@

# ---- the hypervisor --------------------------------------------------------

HV_SRC := $(sort $(wildcard hv/*.c hv/*/*.c))
HV_ASM := $(sort $(wildcard boot/*.asm hv/*.asm hv/*/*.asm))
HV_OBJ := $(HV_SRC:%.c=$(B)/%.o) $(HV_ASM:%.asm=$(B)/%.asm.o) \
	$(ZYDIS_FILES:%=$(B)/zydis/%.o) $(B)/lz4.o $(B)/builtin.o

# GRUB takes 64-bit ELF, `qemu -kernel` only 32-bit: one image in the 32-bit form serves both.
$(B)/engram.elf: $(B)/engram64.elf
	objcopy -O elf32-i386 $< $@

$(B)/engram64.elf: $(HV_OBJ) linker.ld
	ld -nostdlib -z max-page-size=0x1000 -z noexecstack --no-warn-rwx-segments -T linker.ld -o $@ $(HV_OBJ)

$(B)/hv/%.o: hv/%.c $(B)/deps.mk
	@mkdir -p $(@D)
	$(CC) $(HV_CFLAGS) $(ZYDIS_FLAGS) -isystem $(ZYDIS_SRC)/include -isystem $(LZ4_SRC)/lib -MMD -c -o $@ $<

$(B)/%.asm.o: %.asm
	@mkdir -p $(@D)
	$(NASM) -f elf64 -g -F dwarf -MD $(@:.o=.d) -o $@ $<

$(B)/zydis/%.o: $(B)/deps.mk
	@mkdir -p $(@D)
	$(CC) -O2 -ffreestanding -mgeneral-regs-only -mno-red-zone -mcmodel=kernel -fno-pic -fno-pie -fno-stack-protector \
		-fno-asynchronous-unwind-tables -fcf-protection=none $(ZYDIS_FLAGS) \
		-I $(ZYDIS_SRC)/include -I $(ZYDIS_SRC)/src -c -o $@ $(ZYDIS_SRC)/src/$*.c

$(B)/lz4.o: $(B)/deps.mk
	@mkdir -p $(@D)
	$(CC) -O2 -ffreestanding -mgeneral-regs-only -mno-red-zone -mcmodel=kernel -fno-pic -fno-pie -fno-stack-protector \
		-fno-asynchronous-unwind-tables -fcf-protection=none -DLZ4_FREESTANDING=1 -DLZ4_HEAPMODE=0 \
		-DLZ4_memcpy=memcpy -DLZ4_memset=memset -DLZ4_memmove=memmove -include hv/lib/include/string.h \
		-c -o $@ $(LZ4_SRC)/lib/lz4.c

# ---- guests ----------------------------------------------------------------
# guest/NAME.asm is one multiboot kernel; guest/include/ holds what they share.

GUESTS := $(patsubst guest/%.asm,$(B)/guest/%.elf,$(sort $(wildcard guest/*.asm)))
guests: $(GUESTS)

$(B)/guest/%.o: guest/%.asm
	@mkdir -p $(@D)
	$(NASM) -f elf32 -g -F dwarf -I guest/include/ -MD $(@:.o=.d) -o $@ $<

$(B)/guest/%.elf: $(B)/guest/%.o guest/guest.ld
	ld -m elf_i386 -nostdlib -z noexecstack --no-warn-rwx-segments -T guest/guest.ld -o $@ $<

# The benchmark is the guest when no module is given: it lies in the image.
$(B)/builtin.o: $(B)/guest/benchmark.elf hv/builtin.S
	$(CC) -c -DBUILTIN_GUEST='"$(B)/guest/benchmark.elf"' -o $@ hv/builtin.S

# ---- the host command ------------------------------------------------------

TRACE_SRC := $(sort $(wildcard hv/trace/*.c))
TOOL_SRC := $(sort $(wildcard tools/*.c))
TOOL_OBJ := $(TOOL_SRC:%.c=$(B)/host/%.o)
TRACE_OBJ := $(TRACE_SRC:%.c=$(B)/host/%.o)

$(B)/engram: $(TOOL_OBJ) $(TRACE_OBJ)
	$(CC) -o $@ $^ -llz4

$(B)/host/%.o: %.c $(B)/deps.mk
	@mkdir -p $(@D)
	$(CC) $(HOST_CFLAGS) $(ZYDIS_FLAGS) -isystem $(ZYDIS_SRC)/include -isystem $(LZ4_SRC)/lib -MMD -c -o $@ $<

# ---- unit tests ------------------------------------------------------------
# tests/unit/test_NAME.c is one program, linked with everything that also builds on a host, all under sanitizers.

UNIT := $(patsubst tests/unit/%.c,$(B)/tests/%,$(sort $(wildcard tests/unit/test_*.c)))
UNIT_SRC := $(TRACE_SRC) $(sort $(wildcard hv/decode/*.c)) $(filter-out tools/main.c,$(TOOL_SRC))
UNIT_OBJ := $(UNIT_SRC:%.c=$(B)/asan/%.o) $(if $(wildcard hv/decode/*.c),$(ZYDIS_FILES:%=$(B)/host/zydis/%.o))
SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer

.PHONY: unit
#: make unit     the unit tests
unit: $(UNIT:%=%.passed)

$(B)/tests/%.passed: $(B)/tests/%
	$<
	@touch $@

.PRECIOUS: $(B)/tests/% $(B)/asan/%.o
$(B)/tests/%: $(B)/asan/tests/unit/%.o $(UNIT_OBJ)
	@mkdir -p $(@D)
	$(CC) $(SANITIZE) -o $@ $^ -lcmocka -llz4

$(B)/asan/%.o: %.c $(B)/test-deps
	@mkdir -p $(@D)
	$(CC) $(HOST_CFLAGS) $(SANITIZE) $(ZYDIS_FLAGS) -isystem $(ZYDIS_SRC)/include -isystem $(LZ4_SRC)/lib -MMD -c -o $@ $<

$(B)/host/zydis/%.o: $(B)/deps.mk
	@mkdir -p $(@D)
	$(CC) -O2 $(ZYDIS_FLAGS) -I $(ZYDIS_SRC)/include -I $(ZYDIS_SRC)/src -c -o $@ $(ZYDIS_SRC)/src/$*.c

$(B)/test-deps: $(B)/deps.mk
	@scripts/setup.sh test > $@

# ---- the host command as a whole --------------------------------------------

.PHONY: test-tool
#: make test-tool  the host command against lines, damage and wrong usage
test-tool: $(B)/engram $(B)/tests/sender
	tests/tool/run.sh $^

$(B)/tests/sender: $(B)/host/tests/tool/sender.o $(TRACE_OBJ)
	@mkdir -p $(@D)
	$(CC) -o $@ $^ -llz4

# ---- fuzzing ---------------------------------------------------------------
# The seeds in tests/fuzz/corpus are kept (make corpus writes the first of them); what a run finds stays in build/.

FUZZ_SECONDS ?= 30
FUZZ_SRC := $(TRACE_SRC) $(filter-out tools/main.c,$(TOOL_SRC))
FUZZ_CFLAGS := $(HOST_CFLAGS) -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all

.PHONY: fuzz corpus
#: make fuzz     fuzz the trace reader and the receiver, FUZZ_SECONDS=30 each
fuzz: fuzz-trace fuzz-recv

.PHONY: fuzz-trace fuzz-recv
fuzz-trace fuzz-recv: fuzz-%: $(B)/fuzz/fuzz_%
	@mkdir -p $(B)/fuzz/found/$* $(B)/fuzz/crash
	$< -max_total_time=$(FUZZ_SECONDS) -max_len=20000 -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
		-artifact_prefix=$(B)/fuzz/crash/$*- $(B)/fuzz/found/$* tests/fuzz/corpus/$*

$(B)/fuzz/fuzz_%: $(B)/clang/tests/fuzz/fuzz_%.o $(FUZZ_SRC:%.c=$(B)/clang/%.o)
	@mkdir -p $(@D)
	clang -fsanitize=fuzzer,address,undefined -o $@ $^ -llz4

.PRECIOUS: $(B)/clang/%.o
$(B)/clang/%.o: %.c $(B)/test-deps
	@mkdir -p $(@D)
	clang $(FUZZ_CFLAGS) -isystem $(LZ4_SRC)/lib -MMD -c -o $@ $<

corpus: $(B)/fuzz/make_corpus
	@mkdir -p tests/fuzz/corpus/trace tests/fuzz/corpus/recv
	$< tests/fuzz/corpus

$(B)/fuzz/make_corpus: $(B)/host/tests/fuzz/make_corpus.o $(TRACE_OBJ)
	@mkdir -p $(@D)
	$(CC) -o $@ $^ -llz4

# ---- ISO and runs ----------------------------------------------------------

#: make iso      a hybrid ISO of Engram with its built-in guest (CD or USB stick): build/engram.iso
iso: $(B)/engram.iso
$(B)/engram.iso: $(B)/engram.elf boot/grub.cfg
	scripts/mkiso.sh $@ $(B)/engram.elf boot/grub.cfg

clean:
	rm -rf $(B)

-include $(shell find $(B) -name '*.d' 2>/dev/null)
