# Engram. `make help` lists what can be asked for.

B := build
MAKEFLAGS += --no-builtin-rules
ifeq ($(filter -j%,$(MAKEFLAGS)),)
MAKEFLAGS += -j$(shell nproc)
endif
.SUFFIXES:
.DELETE_ON_ERROR:

CC := gcc
NASM := nasm
# nasm 2.16 does not list what it includes.
GUEST_INCLUDES := $(wildcard guest/include/*.inc)
# `make V=1` shows the commands.
Q := $(if $(V),,@)
SAY = @$(if $(V),:,printf '  %-8s %s\n')

WARN := -std=c11 -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wundef -Wvla
# The guest's vector and x87 registers stay in the CPU while the hypervisor runs, so it must never touch them.
FREESTANDING := -O2 -g -ffreestanding -mgeneral-regs-only -mno-red-zone -mcmodel=kernel -fno-pic -fno-pie \
	-fno-stack-protector -fno-asynchronous-unwind-tables -fcf-protection=none
SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer

ZYDIS_FILES := Decoder DecoderData SharedData Segment Utils Register MetaInfo Mnemonic Zydis
ZYDIS_FORMATTER_FILES := Formatter FormatterATT FormatterBase FormatterBuffer FormatterIntel String
ZYDIS_FLAGS := -DZYAN_NO_LIBC -DZYDIS_STATIC_BUILD -DZYCORE_STATIC_BUILD -DZYDIS_DISABLE_FORMATTER -DZYDIS_DISABLE_ENCODER
# Its own replacements for these clear and copy byte by byte, a kilobyte for each instruction.
ZYDIS_BUILD = $(ZYDIS_FLAGS) -DZYAN_CUSTOM_LIBC -DZYAN_MEMCPY=memcpy -DZYAN_MEMSET=memset \
	-include hv/lib/include/string.h -I $(ZYDIS_SRC)/include -I $(ZYDIS_SRC)/src
LIBRARIES = $(ZYDIS_FLAGS) -isystem $(ZYDIS_SRC)/include -isystem $(LZ4_SRC)/lib

HV_CFLAGS = $(WARN) $(FREESTANDING) -fno-strict-aliasing -iquote hv -iquote . -isystem hv/lib/include $(LIBRARIES)
HOST_CFLAGS = $(WARN) -O2 -g -D_GNU_SOURCE -iquote . -iquote hv -iquote tools $(LIBRARIES)

.PHONY: all help guests iso run test unit fuzz machine-tests corpus bench clean
#: make          everything that runs: build/engram.elf, build/engram, guests, build/engram.iso
all: $(B)/engram.elf $(B)/engram guests iso

help:
	@echo 'Targets:'
	@sed -n 's/^#: /  /p' $(firstword $(MAKEFILE_LIST))

# ---- what Debian must provide: installed or fetched before anything is built ----

ifeq ($(filter help clean,$(MAKECMDGOALS)),)
-include $(B)/deps.mk
endif
$(B)/deps.mk: scripts/setup.sh scripts/fetch.sh scripts/lib.sh
	@mkdir -p $(B)
	@scripts/setup.sh build > $@

$(B)/test-deps: scripts/setup.sh $(B)/deps.mk
	@scripts/setup.sh test > $@

# ---- the hypervisor ---------------------------------------------------------

# What loads a guest also builds on a host.
GUEST_SRC := $(filter-out hv/guest/guest.c,$(sort $(wildcard hv/guest/*.c)))
# The system side of a CPU (dbt/sys/) serves both engines.
HV_SRC := $(sort $(wildcard hv/*.c hv/*/*.c dbt/sys/*.c))
HV_ASM := $(sort $(wildcard boot/*.asm hv/*.asm hv/*/*.asm))
HV_OBJ := $(HV_SRC:%.c=$(B)/%.o) $(HV_ASM:%.asm=$(B)/%.asm.o) \
	$(ZYDIS_FILES:%=$(B)/zydis/%.o) $(B)/lz4.o $(B)/builtin.o $(B)/dbt-user.o

# GRUB takes 64-bit ELF, `qemu -kernel` only 32-bit: one image in the 32-bit form serves both.
$(B)/engram.elf $(B)/engram-faulty.elf: %.elf: %64.elf
	$(SAY) OBJCOPY $@
	$(Q)objcopy -O elf32-i386 $< $@

$(B)/engram64.elf: $(HV_OBJ) linker.ld
	$(SAY) LD $@
	$(Q)ld -nostdlib -z max-page-size=0x1000 -z noexecstack --no-warn-rwx-segments -T linker.ld -o $@ $(HV_OBJ)

# The same hypervisor with errors of its own that a test asks for: functions wrapped when it is linked.
FAULTY_IMAGES := $(B)/engram-faulty.elf $(B)/tests/fault/image/breaker.elf
MUTANT_WRAPS := hook_access raw_read
FAULTY_WRAPS := control_console_byte control_poll hook_stop uart_get uart_drain insn_fetch $(MUTANT_WRAPS)
$(B)/engram-faulty64.elf: $(filter-out $(B)/dbt-user.o,$(HV_OBJ)) $(B)/dbt-user-faulty.o \
		$(B)/tests/fault/image/faulty.o $(B)/tests/fault/image/mutant.o linker.ld
	$(SAY) LD $@
	$(Q)ld -nostdlib -z max-page-size=0x1000 -z noexecstack --no-warn-rwx-segments -T linker.ld \
		$(FAULTY_WRAPS:%=--wrap=%) -o $@ $(filter %.o,$^)

$(B)/tests/fault/image/breaker.o: tests/fault/image/breaker.asm $(GUEST_INCLUDES) $(B)/deps.mk
	@mkdir -p $(@D)
	$(SAY) NASM $<
	$(Q)$(NASM) -w+error -f elf32 -I guest/include/ -o $@ $<
$(B)/tests/fault/image/breaker.elf: $(B)/tests/fault/image/breaker.o guest/guest.ld
	$(SAY) LD $@
	$(Q)ld -m elf_i386 -nostdlib -z noexecstack -z max-page-size=0x1000 --no-warn-rwx-segments -T guest/guest.ld -o $@ $<

define cc_core
	@mkdir -p $(@D)
	$(SAY) CC $<
	$(Q)$(CC) $(HV_CFLAGS) -MMD -MP -c -o $@ $<
endef
$(B)/hv/%.o: hv/%.c $(B)/deps.mk
	$(cc_core)
$(B)/dbt/sys/%.o: dbt/sys/%.c $(B)/deps.mk
	$(cc_core)
$(B)/tests/fault/image/%.o: tests/fault/image/%.c $(B)/deps.mk
	$(cc_core)

$(B)/%.asm.o: %.asm $(B)/deps.mk
	@mkdir -p $(@D)
	$(SAY) NASM $<
	$(Q)$(NASM) -f elf64 -g -F dwarf -MP -MD $(@:.o=.d) -o $@ $<

$(B)/zydis/%.o: $(B)/deps.mk
	@mkdir -p $(@D)
	$(SAY) CC zydis/$*.c
	$(Q)$(CC) $(FREESTANDING) $(ZYDIS_BUILD) -c -o $@ $(ZYDIS_SRC)/src/$*.c

$(B)/lz4.o: $(B)/deps.mk
	@mkdir -p $(@D)
	$(SAY) CC lz4.c
	$(Q)$(CC) $(FREESTANDING) -DLZ4_FREESTANDING=1 -DLZ4_HEAPMODE=0 -DLZ4_memcpy=memcpy -DLZ4_memset=memset \
		-DLZ4_memmove=memmove -include hv/lib/include/string.h -c -o $@ $(LZ4_SRC)/lib/lz4.c

# What runs at CPL 3 is one object: it sees no symbol of the core, and shows only those of hv/dbt/shared.h.
DBT_USER_SRC := $(sort $(wildcard dbt/*.c dbt/sys/*.c hv/dbt/user/*.c hv/decode/*.c)) hv/lib/string.c \
	hv/format_text.c hv/tally.c hv/trace/filter.c
DBT_USER_OBJ := $(DBT_USER_SRC:%.c=$(B)/dbt-user/%.o) $(ZYDIS_FILES:%=$(B)/zydis/%.o)
DBT_USER_SYMBOLS := dbt_shared dbt_user_engine dbt_core_call dbt_trap_entry dbt_user_run dbt_user_command dbt_user_selftest

DBT_USER_FAULTY_WRAPS := port_out translate_block
$(B)/dbt-user-faulty.o: $(DBT_USER_OBJ) $(B)/tests/fault/image/faulty_user.o
$(B)/dbt-user-faulty.o: private WRAPS := $(DBT_USER_FAULTY_WRAPS:%=--wrap=%)
$(B)/dbt-user.o: $(DBT_USER_OBJ)
$(B)/dbt-user.o $(B)/dbt-user-faulty.o: hv/dbt/user.ld
	$(SAY) LD $@
	$(Q)ld -r -d -z noexecstack -T hv/dbt/user.ld $(WRAPS) -o $@ $(filter %.o,$^)
	$(Q)if nm -u $@ | grep .; then echo "$@: the above must be in it" >&2; rm -f $@; exit 1; fi
	$(Q)objcopy $(DBT_USER_SYMBOLS:%=--keep-global-symbol=%) $@

$(B)/dbt-user/%.o: %.c $(B)/deps.mk
	@mkdir -p $(@D)
	$(SAY) CC "$< (CPL 3)"
	$(Q)$(CC) $(HV_CFLAGS) -MMD -MP -c -o $@ $<

# The benchmark is the guest when no module is given: it lies in the image.
$(B)/builtin.o: $(B)/guest/benchmark.elf hv/builtin.S
	$(SAY) AS hv/builtin.S
	$(Q)$(CC) -c -DBUILTIN_GUEST='"$(B)/guest/benchmark.elf"' -o $@ hv/builtin.S

# ---- guests -----------------------------------------------------------------
# guest/NAME.asm is one multiboot kernel; guest/include/ holds what they share.
# Two are no ELF32 files: elf64 is what it says, aout a flat image with its addresses in the header.

GUEST_NAMES := $(filter-out aout,$(patsubst guest/%.asm,%,$(sort $(wildcard guest/*.asm))))
GUESTS := $(GUEST_NAMES:%=$(B)/guest/%.elf) $(B)/guest/aout.bin $(B)/guest/mix.elf $(B)/guest/mix32.elf
GUEST_FORMAT_elf64 := elf64
GUEST_LINK_elf64 := elf_x86_64
guests: $(GUESTS)

.PRECIOUS: $(B)/guest/%.o
$(B)/guest/%.o: guest/%.asm $(GUEST_INCLUDES) $(B)/deps.mk
	@mkdir -p $(@D)
	$(SAY) NASM $<
	$(Q)$(NASM) -w+error -f $(or $(GUEST_FORMAT_$*),elf32) -g -F dwarf -I guest/include/ -o $@ $<

$(B)/guest/%.elf: $(B)/guest/%.o guest/guest.ld
	$(SAY) LD $@
	$(Q)ld -m $(or $(GUEST_LINK_$*),elf_i386) -nostdlib -z noexecstack -z max-page-size=0x1000 \
		--no-warn-rwx-segments -T guest/guest.ld -o $@ $<

$(B)/guest/%.bin: guest/%.asm $(GUEST_INCLUDES) $(B)/deps.mk
	@mkdir -p $(@D)
	$(SAY) NASM $<
	$(Q)$(NASM) -w+error -f bin -I guest/include/ -o $@ $<

# guest/mix is C: a 64-bit and a 32-bit guest, and with the objects of the first a Linux process (tests/bench/mix_native.c).
MIX_SRC := $(filter-out guest/mix/guest.c,$(wildcard guest/mix/*.c))
MIX_CFLAGS := $(WARN) -O2 -g -ffreestanding -fno-tree-loop-distribute-patterns -mno-red-zone -fno-pic -fno-pie \
	-fno-stack-protector -fno-asynchronous-unwind-tables -fcf-protection=none
MIX_FLAGS_32 := -m32 -march=i686 -msse2 -mfpmath=sse
MIX_LINK_64 := elf_x86_64
MIX_LINK_32 := elf_i386

# $(1) is 64 or 32, $(2) the guest's name. QEMU's -kernel takes ELF32 only.
define mix_guest
$(B)/mix$(1)/%.o: guest/mix/%.c $(B)/deps.mk
	@mkdir -p $$(@D)
	$(SAY) CC "$$< ($(1) bits)"
	$(Q)$(CC) $(MIX_CFLAGS) $(MIX_FLAGS_$(1)) -MMD -MP -c -o $$@ $$<

$(B)/mix$(1)/start.o: guest/mix/start$(1).asm $(B)/deps.mk
	@mkdir -p $$(@D)
	$(SAY) NASM $$<
	$(Q)$(NASM) -w+error -f elf$(1) -I guest/include/ -MP -MD $$(@:.o=.d) -o $$@ $$<

$(B)/guest/$(2).elf: $(B)/mix$(1)/start.o $(MIX_SRC:guest/mix/%.c=$(B)/mix$(1)/%.o) $(B)/mix$(1)/guest.o guest/guest.ld
	@mkdir -p $$(@D)
	$(SAY) LD $$@
	$(Q)ld -m $(MIX_LINK_$(1)) -nostdlib -z noexecstack -z max-page-size=0x1000 --no-warn-rwx-segments \
		-T guest/guest.ld -o $$@ $$(filter %.o,$$^)
	$(Q)objcopy -O elf32-i386 $$@
endef
$(eval $(call mix_guest,64,mix))
$(eval $(call mix_guest,32,mix32))

$(B)/mix-native: $(B)/host/tests/bench/mix_native.o $(MIX_SRC:guest/mix/%.c=$(B)/mix64/%.o)
	$(SAY) LD $@
	$(Q)$(CC) -no-pie -o $@ $^

# ---- the Linux guest ----------------------------------------------------------
# Debian's kernel as it is, and a root file system in memory with busybox, guest/linux/init and the programs of
# guest/linux/stress/.

LINUX := $(B)/linux
# Where the packages were unpacked.
$(LINUX)/root: scripts/setup.sh scripts/fetch.sh scripts/lib.sh $(B)/deps.mk
	@mkdir -p $(@D)
	@scripts/setup.sh linux >/dev/null
	@scripts/fetch.sh linux | tail -n 1 >$@

STRESS := $(patsubst guest/linux/stress/%.c,$(LINUX)/stress/%,$(sort $(wildcard guest/linux/stress/*.c)))
$(LINUX)/stress/%: guest/linux/stress/%.c $(B)/deps.mk
	@mkdir -p $(@D)
	$(SAY) CC $<
	$(Q)$(CC) $(WARN) -O2 -D_GNU_SOURCE -static -o $@ $<

# No libc, so that it runs in every guest.
$(LINUX)/engramctl: guest/linux/engramctl.c guest/linux/engramctl.h hv/hypercall_numbers.h $(B)/deps.mk
	@mkdir -p $(@D)
	$(SAY) CC $<
	$(Q)$(CC) $(WARN) -O2 -ffreestanding -fno-stack-protector -fno-asynchronous-unwind-tables -fcf-protection=none \
		-fno-tree-loop-distribute-patterns -iquote hv -static -nostdlib -no-pie -Wl,-z,noexecstack -o $@ $<

$(LINUX)/vmlinuz: $(LINUX)/root
	$(Q)cp "$$(cat $<)"/boot/vmlinuz-* $@

$(LINUX)/initrd: guest/linux/init scripts/mkinitrd.sh $(LINUX)/engramctl $(STRESS) $(LINUX)/root
	$(SAY) INITRD $@
	$(Q)scripts/mkinitrd.sh $@ $< "$$(cat $(LINUX)/root)/bin/busybox" $(LINUX)/engramctl=bin/engramctl \
		$(foreach p,$(STRESS),$(p)=stress/$(notdir $(p)))

#: make linux    the Linux guest: build/linux/vmlinuz and build/linux/initrd
.PHONY: linux
linux: $(LINUX)/vmlinuz $(LINUX)/initrd

# ---- the host command -------------------------------------------------------

TRACE_SRC := $(sort $(wildcard hv/trace/*.c))
TOOL_SRC := $(sort $(wildcard tools/*.c tools/*/*.c))
TOOL_OBJ := $(patsubst %.c,$(B)/host/%.o,$(TOOL_SRC) $(TRACE_SRC))

# What the command is linked with.
TOOL_LIBRARIES := -llz4 -lzstd -lm

$(B)/engram: $(TOOL_OBJ)
	$(SAY) LD $@
	$(Q)$(CC) -o $@ $^ $(TOOL_LIBRARIES)

$(B)/host/%.o: %.c $(B)/deps.mk
	@mkdir -p $(@D)
	$(SAY) CC "$< (host)"
	$(Q)$(CC) $(HOST_CFLAGS) -MMD -MP -c -o $@ $<

# The report's page lies in the program.
REPORT_PAGE := $(wildcard tools/report/page.html tools/report/page.css tools/report/page.js)
$(B)/host/tools/report/page.o $(B)/asan/tools/report/page.o $(B)/fuzz/tools/report/page.o: $(REPORT_PAGE)

#: make install  the host command, its man page and completion; PREFIX=/usr/local DESTDIR=
PREFIX ?= /usr/local
.PHONY: install
install: $(B)/engram
	install -D -m 755 $(B)/engram $(DESTDIR)$(PREFIX)/bin/engram
	install -D -m 644 docs/engram.1 $(DESTDIR)$(PREFIX)/share/man/man1/engram.1
	install -D -m 644 tools/engram.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/engram

# ---- the DBT engine as a Linux process --------------------------------------
# The guest's vector registers are in the CPU while it runs, so what runs in between must not use them: the engine
# is compiled as for the hypervisor, and memcpy() and its kin come from hv/lib.

DBT_SRC := $(sort $(wildcard dbt/*.c dbt/sys/*.c hv/decode/*.c)) hv/lib/string.c hv/format_text.c hv/tally.c hv/trace/filter.c
DBT_OBJ := $(DBT_SRC:%.c=$(B)/dbt-engine/%.o) $(ZYDIS_FILES:%=$(B)/dbt-engine/zydis/%.o)
# Its devices run between the guest's instructions, too often to save the vector registers each time.
DBT_DEVICES := dbt/host/pic.c dbt/host/ports.c dbt/host/timer.c
DBT_HOST_OBJ := $(ZYDIS_FORMATTER_FILES:%=$(B)/host/zydis/%.o) $(DBT_DEVICES:%.c=$(B)/dbt-engine/%.o) \
	$(patsubst %.c,$(B)/host/%.o,$(filter-out $(DBT_DEVICES), $(sort $(wildcard dbt/host/*.c))) $(addprefix hv/, \
	bootinfo.c error_text.c filter_options.c memory_map.c number.c proof_text.c) $(GUEST_SRC) \
	$(filter-out hv/trace/filter.c, $(TRACE_SRC)))

$(B)/dbt-host: $(DBT_OBJ) $(DBT_HOST_OBJ)
	$(SAY) LD $@
	$(Q)$(CC) -o $@ $^ -llz4

# The same with one access recorded wrongly (tests/fault/image/mutant.c).
$(B)/dbt-host-mutant: $(DBT_OBJ) $(DBT_HOST_OBJ) $(B)/host/tests/fault/image/mutant.o \
		$(B)/host/tests/fault/image/mutant_host.o
	$(SAY) LD $@
	$(Q)$(CC) $(MUTANT_WRAPS:%=-Wl,--wrap=%) -o $@ $^ -llz4

# tests/dbt/: translated against the real CPU. At a fixed low address, which 32-bit code reaches; the guest's vector
# registers are in the CPU when its functions are called back.
DIFFERENTIAL_SRC := $(filter-out tests/dbt/pin.c, $(sort $(wildcard tests/dbt/*.c))) hv/trace/raw.c \
	hv/trace/dictionary.c hv/trace/crc32c.c
$(B)/dbt-engine/tests/dbt/%.o: CFLAGS_HERE := -fno-pie -fno-stack-protector
$(B)/dbt-differential: $(DIFFERENTIAL_SRC:%.c=$(B)/dbt-engine/%.o) $(DBT_OBJ)
	$(SAY) LD $@
	$(Q)$(CC) -no-pie -o $@ $^

# The emitted code for single guest instructions, as text: tests/dbt/pinned_code.txt.
$(B)/pin: $(B)/host/tests/dbt/pin.o $(B)/host/dbt/host/disassemble.o $(ZYDIS_FORMATTER_FILES:%=$(B)/host/zydis/%.o) $(DBT_OBJ)
	$(SAY) LD $@
	$(Q)$(CC) -o $@ $^

$(B)/pins.bin: tests/dbt/pins.asm
	$(SAY) NASM $<
	$(Q)$(NASM) -w+error -f bin -o $@ $<

#: make pin      writes tests/dbt/pinned_code.txt anew, where the emitted code was changed on purpose
.PHONY: pin
pin: $(B)/pin $(B)/pins.bin
	$(Q)$(B)/pin $(B)/pins.bin > $(B)/pinned_code.txt
	$(Q)mv $(B)/pinned_code.txt tests/dbt/pinned_code.txt

DBT_GUESTS := $(patsubst tests/dbt/%.asm,$(B)/tests/dbt/%.elf,$(filter-out tests/dbt/pins.asm,$(sort $(wildcard tests/dbt/*.asm))))
.PRECIOUS: $(B)/tests/dbt/%.o
$(B)/tests/dbt/%.o: tests/dbt/%.asm $(GUEST_INCLUDES) $(B)/deps.mk
	@mkdir -p $(@D)
	$(SAY) NASM $<
	$(Q)$(NASM) -w+error -f elf32 -I guest/include/ -o $@ $<
$(B)/tests/dbt/%.elf: $(B)/tests/dbt/%.o guest/guest.ld
	$(SAY) LD $@
	$(Q)ld -m elf_i386 -nostdlib -z noexecstack -z max-page-size=0x1000 --no-warn-rwx-segments -T guest/guest.ld -o $@ $<

# tests/dbt/behaviour/NAME.asm is one behaviour; all of them and the frame that runs them are one kernel. So are those
# of tests/dbt/features/, which need a CPU that not every machine has, or what the VMX engine does not do.
BEHAVIOUR := tests/dbt/behaviour
FEATURE := tests/dbt/features
behaviour_objects = $(patsubst %.asm,$(B)/%.o,$(sort $(wildcard $(BEHAVIOUR)/frame/*.asm)) $(sort $(wildcard $(1)/*.asm)))
define nasm_behaviour
	@mkdir -p $(@D)
	$(SAY) NASM $<
	$(Q)$(NASM) -w+error -f elf32 -DBEHAVIOUR='"$*"' -I guest/include/ -I $(BEHAVIOUR)/frame/ -I $(FEATURE)/ -o $@ $<
endef
$(B)/$(BEHAVIOUR)/%.o: $(BEHAVIOUR)/%.asm $(GUEST_INCLUDES) $(wildcard $(BEHAVIOUR)/frame/*.inc) $(B)/deps.mk
	$(nasm_behaviour)
$(B)/$(FEATURE)/%.o: $(FEATURE)/%.asm $(GUEST_INCLUDES) $(wildcard $(BEHAVIOUR)/frame/*.inc) $(wildcard $(FEATURE)/*.inc) $(B)/deps.mk
	$(nasm_behaviour)
$(B)/$(BEHAVIOUR)s.elf: $(call behaviour_objects,$(BEHAVIOUR))
$(B)/$(FEATURE).elf: $(call behaviour_objects,$(FEATURE))
$(B)/$(BEHAVIOUR)s.elf $(B)/$(FEATURE).elf: $(BEHAVIOUR)/behaviour.ld
	$(SAY) LD $@
	$(Q)ld -m elf_i386 -nostdlib -z noexecstack -z max-page-size=0x1000 --no-warn-rwx-segments -T $(BEHAVIOUR)/behaviour.ld -o $@ \
		$(filter %.o,$^)

#: make dbt-tests  the DBT engine: differential, behaviours, storms, guests
DBT_TEST_DEPS := $(B)/dbt-host $(B)/dbt-host-mutant $(B)/dbt-differential $(B)/mix-native $(B)/pin $(B)/pins.bin $(DBT_GUESTS) \
	$(B)/$(BEHAVIOUR)s.elf $(B)/$(FEATURE).elf
.PHONY: dbt-tests
dbt-tests: $(DBT_TEST_DEPS) $(B)/engram.elf $(B)/engram guests $(B)/bin/bochs2list $(B)/bin/listcmp
	@tests/run.sh dbt

$(B)/dbt-engine/%.o: %.c $(B)/deps.mk
	@mkdir -p $(@D)
	$(SAY) CC "$< (engine)"
	$(Q)$(CC) $(HOST_CFLAGS) -mgeneral-regs-only -fno-strict-aliasing $(CFLAGS_HERE) -MMD -MP -c -o $@ $<

$(B)/dbt-engine/zydis/%.o: $(B)/deps.mk
	@mkdir -p $(@D)
	$(SAY) CC "zydis/$*.c (engine)"
	$(Q)$(CC) -O2 -mgeneral-regs-only $(ZYDIS_BUILD) -c -o $@ $(ZYDIS_SRC)/src/$*.c

# ---- ISO and runs -----------------------------------------------------------

#: make iso      a hybrid ISO of Engram with its built-in guest (CD or USB stick): build/engram.iso
iso: $(B)/engram.iso
$(B)/engram.iso: $(B)/engram.elf boot/grub.cfg scripts/mkiso.sh
	$(SAY) ISO $@
	$(Q)scripts/mkiso.sh $@ $(B)/engram.elf boot/grub.cfg

#: make run      boot, trace, dump over serial, decode, show the result; takes
#:                 MACHINE=auto|kvm|bochs|qemu  ENGINE=auto|vmx|dbt  GUEST=FILE|linux
#:                 CMDLINE='arguments of the guest'  MODULES='files for the guest'
#:                 OPTIONS='options of Engram, see docs/options.md'
run: $(B)/engram.elf $(B)/engram guests $(if $(filter linux,$(GUEST)),linux)
	@MACHINE='$(MACHINE)' ENGINE='$(ENGINE)' GUEST='$(GUEST)' CMDLINE='$(CMDLINE)' MODULES='$(MODULES)' \
		OPTIONS='$(OPTIONS)' scripts/run.sh

# ---- tests ------------------------------------------------------------------
# tests/unit/test_NAME.c is one program, linked with all that also builds on a host, under sanitizers.

# What of the core touches no hardware.
HV_PURE := $(addprefix hv/,acpi.c bootinfo.c cpuid.c error_text.c filter_options.c format_text.c memory_map.c \
	monitor/command.c monitor/edit.c number.c options.c power.c processors.c proof_text.c tally.c vmx/mtrr.c) $(GUEST_SRC)
FUZZ := $(patsubst tests/fuzz/%.c,$(B)/fuzz/%,$(sort $(wildcard tests/fuzz/fuzz_*.c)))
UNIT := $(patsubst tests/unit/%.c,$(B)/tests/%,$(sort $(wildcard tests/unit/test_*.c)))
UNIT_SRC := $(TRACE_SRC) $(HV_PURE) $(sort $(wildcard hv/decode/*.c)) $(filter-out tools/main.c,$(TOOL_SRC))
UNIT_OBJ := $(UNIT_SRC:%.c=$(B)/asan/%.o) $(ZYDIS_FILES:%=$(B)/host/zydis/%.o)

# The DBT's system side, as a library: a test that uses it brings the memory it runs on (tests/unit/dbt_machine.h).
DBT_SYS_SRC := $(sort $(wildcard dbt/sys/*.c))
$(B)/asan/dbt_sys.a: $(DBT_SYS_SRC:%.c=$(B)/asan/%.o)
	$(SAY) AR $@
	$(Q)rm -f $@ && ar rcs $@ $^

# Programs that help tests/{oracle,boot,fault}/test_NAME.sh, which boot guests in Bochs.
TEST_PROGRAMS := $(patsubst %,$(B)/bin/%,$(basename $(notdir $(wildcard tests/oracle/*.c tests/fault/*.c tests/tool/*.c))))

#: make test     all tests: unit, tool, fuzz, oracle, boot, fault
test: $(B)/engram.elf $(FAULTY_IMAGES) $(B)/engram guests $(UNIT) $(TEST_PROGRAMS) $(FUZZ) $(DBT_TEST_DEPS)
	@tests/run.sh

vpath %.c tests/oracle tests/fault tests/tool
$(B)/bin/%: %.c $(TRACE_SRC:%.c=$(B)/host/%.o)
	@mkdir -p $(@D)
	$(SAY) CC "$< (host)"
	$(Q)$(CC) $(HOST_CFLAGS) -o $@ $^ -llz4

#: make unit     the unit tests alone
unit: $(UNIT)
	@tests/run.sh unit

#: make machine-tests  what boots guests; TESTS='tests/boot/test_X.sh ...' for some of it
machine-tests: $(B)/engram.elf $(FAULTY_IMAGES) $(B)/engram $(B)/dbt-host $(B)/dbt-host-mutant $(B)/mix-native guests $(TEST_PROGRAMS)
	@tests/run.sh $(or $(TESTS),oracle boot fault)

.PRECIOUS: $(B)/tests/% $(B)/asan/%.o
$(B)/tests/test_%: $(B)/asan/tests/unit/test_%.o $(UNIT_OBJ) $(B)/asan/dbt_sys.a
	@mkdir -p $(@D)
	$(SAY) LD $@
	$(Q)$(CC) $(SANITIZE) -o $@ $^ -lcmocka $(TOOL_LIBRARIES)

# The guest's memory is the test's.
$(B)/tests/test_walk: $(B)/asan/hv/vmx/walk.o

# The engine's own code may use no vector register: it executes instructions that change them.
$(B)/asan/dbt/%.o: CFLAGS_HERE := -mgeneral-regs-only
$(B)/asan/%.o: %.c $(B)/test-deps
	@mkdir -p $(@D)
	$(SAY) CC "$< (sanitizers)"
	$(Q)$(CC) $(HOST_CFLAGS) $(SANITIZE) $(CFLAGS_HERE) -MMD -MP -c -o $@ $<

$(B)/host/zydis/%.o: $(B)/deps.mk
	@mkdir -p $(@D)
	$(SAY) CC "zydis/$*.c (host)"
	$(Q)$(CC) -O2 $(ZYDIS_FLAGS) -I $(ZYDIS_SRC)/include -I $(ZYDIS_SRC)/src -c -o $@ $(ZYDIS_SRC)/src/$*.c

# tests/fuzz/fuzz_NAME.c is one libFuzzer target, tests/fuzz/corpus/NAME/ what it starts from.

FUZZ_OBJ := $(UNIT_SRC:%.c=$(B)/fuzz/%.o) $(ZYDIS_FILES:%=$(B)/host/zydis/%.o)
FUZZ_SECONDS ?= 30

#: make fuzz     each fuzz target for FUZZ_SECONDS=30; what it finds grows build/fuzz/corpus/
fuzz: $(FUZZ)
	@FUZZ_SECONDS=$(FUZZ_SECONDS) tests/run.sh fuzz

.PRECIOUS: $(B)/fuzz/%.o $(B)/host/zydis/%.o
$(B)/fuzz/fuzz_%: $(B)/fuzz/tests/fuzz/fuzz_%.o $(FUZZ_OBJ)
	$(SAY) LD $@
	$(Q)clang -fsanitize=fuzzer,address,undefined -o $@ $^ $(TOOL_LIBRARIES)

$(B)/fuzz/%.o: %.c $(B)/test-deps
	@mkdir -p $(@D)
	$(SAY) CC "$< (fuzzing)"
	$(Q)clang $(HOST_CFLAGS) $(SANITIZE) -fsanitize=fuzzer-no-link -MMD -MP -c -o $@ $<

#: make corpus   writes the first inputs of the trace, analyse, convert, prove, recv and raw fuzzers anew
corpus: $(B)/fuzz/make_corpus
	@mkdir -p $(addprefix tests/fuzz/corpus/,trace analyse convert prove recv raw)
	$(Q)$< tests/fuzz/corpus

$(B)/fuzz/make_corpus: $(B)/host/tests/fuzz/make_corpus.o $(TRACE_SRC:%.c=$(B)/host/%.o)
	@mkdir -p $(@D)
	$(SAY) LD $@
	$(Q)$(CC) -o $@ $^ -llz4

# ---- measuring --------------------------------------------------------------

BENCH := $(B)/bench
BENCH_PROGRAMS := $(BENCH)/native $(BENCH)/stopwatch $(BENCH)/plugin1.so $(BENCH)/plugin2.so

#: make bench    what a traced write costs in the VMX engine, and all engines against native and QEMU; takes
#:                 PARTS='vmx peers mix tool'  ROUNDS=5  SECONDS_EACH=0.3  (docs/performance.md)
bench: $(B)/engram.elf $(B)/engram $(B)/dbt-host $(B)/mix-native guests $(BENCH_PROGRAMS)
	@PARTS='$(PARTS)' ROUNDS='$(ROUNDS)' SECONDS_EACH='$(SECONDS_EACH)' tests/bench/run.sh

#: make bench-linux  the Linux guest from its start to power-off, under QEMU, its recording plugin and Engram; takes
#:                 WORDS='work=1' (guest/linux/init)  ROUNDS=1  PEERS='qemu plugin-w dbt-w dbt-w-kvm'
.PHONY: bench-linux
bench-linux: $(B)/engram.elf linux $(BENCH_PROGRAMS)
	@WORDS='$(WORDS)' ROUNDS='$(ROUNDS)' PEERS='$(PEERS)' tests/bench/linux.sh

$(B)/bench-deps: scripts/setup.sh $(B)/deps.mk
	@scripts/setup.sh bench > $@

$(BENCH)/%: tests/bench/%.c $(B)/bench-deps
	@mkdir -p $(@D)
	$(SAY) CC $<
	$(Q)$(CC) $(WARN) -O2 -g -D_GNU_SOURCE -o $@ $<

# For the two generations of QEMU's plugin interface.
$(BENCH)/plugin%.so: tests/bench/plugin.c $(B)/bench-deps
	@mkdir -p $(@D)
	$(SAY) CC "$< (interface $*)"
	$(Q)$(CC) $(WARN) -O2 -g -D_GNU_SOURCE -DPLUGIN_VERSION=$* -shared -fPIC -fvisibility=hidden -o $@ $<

#: make clean    removes build/
clean:
	rm -rf $(B)

-include $(shell find $(B) -name '*.d' 2>/dev/null)
