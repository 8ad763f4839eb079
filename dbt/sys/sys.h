/*
 * The system side of a processor, for both engines: what the translator does not
 * translate, and what a step of the VMX engine could not list.
 *
 *     translator ──system instruction──► sys_execute()      dispatch.c → segment.c far.c iret.c flags.c
 * control.c … ──exception──────────► sys_deliver_fault() event.c ──interrupt, NMI─────► sys_deliver() event.c
 *                ──TLB miss───────────► dbt_translate()     walk.c
 *
 * Needs the whole of struct vcpu current, RIP at the instruction, and leaves it so. Everything that returns
 * bool returns false with the exception in c->fault, or with c->stop set when the run is over.
 *
 * Not implemented: VMX, SMX, CET and RSM are #UD.
 */
#ifndef ENGRAM_DBT_SYS_H
#define ENGRAM_DBT_SYS_H

#include "dbt/cpu.h"
#include "decode/insn.h"

/* True if sys_execute() carries out this instruction. Depends on the instruction alone. */
bool sys_handles(const struct insn *insn);

/* True if it also makes accesses that are no operands of its own: pushes and pops of several words,
 * descriptors, frames, the TSS. Of others that sys_handles() the operands are all. */
bool sys_reaches_further(const struct insn *insn);

/* Executes one instruction that sys_handles(), RIP advanced. The interrupt shadow is set by STI, MOV SS and
 * POP SS and cleared by all others; c->halted is set by HLT. A single-step trap (TF) is the caller's to
 * deliver. False: nothing is changed but what the CPU leaves changed as well (memory written so far; NMI
 * blocking ended by IRET). */
bool sys_execute(struct dbt_cpu *c, const struct insn *insn);

/* Interruption types, as in the trace (SDM Vol. 3C, table 25-17). */
enum sys_event_type {
    SYS_EXTERNAL = 0,
    SYS_NMI = 2,
    SYS_EXCEPTION = 3,
    SYS_SOFTWARE_INTERRUPT = 4,  /* INT n */
    SYS_PRIVILEGED_SOFTWARE = 5, /* INT1 */
    SYS_SOFTWARE_EXCEPTION = 6,  /* INT3, INTO */
};

struct sys_event {
    uint8_t vector;
    uint8_t type; /* enum sys_event_type */
    bool has_error;
    bool redirected; /* to the handlers of a program in virtual-8086 mode */
    uint32_t error;
    uint64_t address;    /* CR2, for #PF */
    uint64_t return_rip; /* what the frame shows */
};

/* Delivers an event, and whatever exceptions its delivery raises, up to the double fault. False: c->stop is
 * set. */
bool sys_deliver(struct dbt_cpu *c, const struct sys_event *e);

/* Delivers c->fault at v.rip. */
bool sys_deliver_fault(struct dbt_cpu *c);

/* A debug exception at v.rip, fault or trap; `dr6` are the bits to set. Between two iterations of a REP the
 * caller sets v.rflags.RF first, as it does for interrupts: the frame shows it. */
bool sys_deliver_debug(struct dbt_cpu *c, uint64_t dr6);

#define SYS_BREAKPOINTS 4u
struct sys_breakpoint {
    gva_t at;      /* or the port */
    uint8_t bytes; /* 0: off */
    uint8_t kind;
};
enum sys_breakpoint_kind { BREAK_BEFORE, BREAK_WRITE, BREAK_IO, BREAK_ACCESS };

/* The breakpoints that DR7 has switched on. */
void sys_breakpoints(const struct dbt_cpu *c, struct sys_breakpoint b[SYS_BREAKPOINTS]);
/* DR6's bits for those on the instruction at the linear address `at`. */
uint64_t sys_breaks_before(const struct dbt_cpu *c, gva_t at);
/* Some access to the page may hit one. */
bool sys_breaks_page(const struct dbt_cpu *c, gva_t page);
/* An access to memory or to a port is being made: what it hits is noted in c->debug_traps. */
void sys_note_access(struct dbt_cpu *c, gva_t at, unsigned bytes, bool write);
void sys_note_port(struct dbt_cpu *c, uint16_t port, unsigned bytes);

/* An external interrupt or NMI at v.rip; the caller has looked at IF, shadows and nmi_blocked. Sets
 * nmi_blocked. */
bool sys_deliver_interrupt(struct dbt_cpu *c, uint8_t vector);
bool sys_deliver_nmi(struct dbt_cpu *c);

/* IN, OUT, INS and OUTS: IOPL and the I/O permission bitmap (SDM Vol. 1, 19.5.2). */
bool sys_io_allowed(struct dbt_cpu *c, uint16_t port, unsigned bytes);

/* Before the guest starts: which instructions this CPU knows of those that need not be there, and which x87
 * pointers it shows; resets the vector state. */
void sys_probe(struct dbt_cpu *c);
/* The CPU's x87, vector and opmask registers become what they are after a reset: the guest's are there. */
void sys_reset_vectors(void);
/* State components that guests can be offered on this machine; the host has to enable them. */
uint64_t sys_xcr0_offered(void);
/* Where they lie in memory on this machine. */
const struct xsave_layout *xstate_layout(void);

/* Reads the four PDPTEs at `cr3` as MOV CR3 does with PAE paging; #GP(0) for reserved bits. */
bool sys_load_pdptes(struct dbt_cpu *c, uint64_t cr3);

/* A TLB flush, of global pages too or not, and INVLPG of a page of 2^page_shift bytes, as far as what page
 * walks read is recorded: they will be made again. In dbt/sys/walk.c. */
void sys_forget_walks(struct dbt_cpu *c, bool global);
void sys_forget_walk(struct dbt_cpu *c, gva_t at, unsigned page_shift);

/* Segmentation's checks (limit, type, canonical) and the linear address. */
bool sys_linear(struct dbt_cpu *c, unsigned segment, uint64_t offset, unsigned bytes, bool write,
                gva_t *linear);
/* An access of `bytes` (at most a page) at `linear` will raise neither #AC nor #PF; accessed and dirty bits
 * are set. `access` as for dbt_read() and dbt_write(). */
bool sys_readable(struct dbt_cpu *c, gva_t linear, unsigned bytes, unsigned access);
bool sys_writable(struct dbt_cpu *c, gva_t linear, unsigned bytes, unsigned access);
/* Accesses of the program have to be aligned to their size (SDM Vol. 3A, 6.15, #AC). */
bool sys_checks_alignment(const struct dbt_cpu *c);
/* #AC unless `at` is a multiple of `alignment`, a power of two. */
bool sys_aligned(struct dbt_cpu *c, gva_t at, unsigned alignment);
/* … of what an access of that many bytes has to be aligned to, if it is one of the program. */
bool sys_access_aligned(struct dbt_cpu *c, gva_t at, unsigned bytes, unsigned access);
/* True outside IA-32e mode. */
bool sys_is_canonical(const struct dbt_cpu *c, gva_t at);

/* A register's low `bytes` grow; of 4 bytes, the upper half becomes 0. */
void sys_add_gpr(struct dbt_cpu *c, unsigned gpr, uint64_t by, unsigned bytes);
/* The width of the stack pointer: 2, 4 or 8 bytes. */
unsigned sys_stack_bytes(const struct dbt_cpu *c);

/* The mode an instruction at CS:RIP is decoded in, its linear address, and the trace's context byte
 * (docs/format.md). */
enum code_size sys_code_size(const struct dbt_cpu *c);
gva_t sys_code_linear(const struct dbt_cpu *c);
uint8_t sys_context(const struct dbt_cpu *c);

#endif
