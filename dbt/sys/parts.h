/* What the files of dbt/sys/ share among themselves. */
#ifndef ENGRAM_DBT_SYS_PARTS_H
#define ENGRAM_DBT_SYS_PARTS_H

#include "dbt/memory.h"
#include "dbt/sys/sys.h"
#include "trace/access.h"
#include "x86/cpu.h"
#include "x86/exceptions.h"

#define SELECTOR_RPL 3u
#define SELECTOR_TI 4u

/* ---- raise.c: false is returned, so `return raise_…` ---- */

bool raise_selector(struct dbt_cpu *c, uint8_t vector, uint16_t selector); /* error: selector and EXT */
bool raise_gp(struct dbt_cpu *c);                                          /* #GP(EXT) */
bool raise_ud(struct dbt_cpu *c);

/* ---- the mode ---- */

static inline bool protected_mode(const struct dbt_cpu *c)
{
    return c->v.cr0 & CR0_PE;
}
static inline bool virtual_8086(const struct dbt_cpu *c)
{
    return c->v.rflags & RFLAGS_VM;
}
/* Segments are as on the 8086: in real mode and in virtual-8086 mode. */
static inline bool real_segments(const struct dbt_cpu *c)
{
    return !protected_mode(c) || virtual_8086(c);
}
static inline bool long_mode(const struct dbt_cpu *c)
{
    return c->v.efer & EFER_LMA;
}
static inline bool pae_paging_on(const struct dbt_cpu *c)
{
    return (c->v.cr0 & CR0_PG) && (c->v.cr4 & CR4_PAE) && !long_mode(c);
}
static inline bool code_is_64(const struct dbt_cpu *c)
{
    return long_mode(c) && (c->v.seg[SEG_CS].access & SEGMENT_L);
}
static inline unsigned iopl(const struct dbt_cpu *c)
{
    return (c->v.rflags & RFLAGS_IOPL) >> RFLAGS_IOPL_SHIFT;
}
static inline bool is_canonical(const struct dbt_cpu *c, uint64_t at)
{
    unsigned unused = (c->v.cr4 & CR4_LA57) ? 64 - 57 : 64 - 48;
    return (uint64_t)((int64_t)(at << unused) >> unused) == at;
}
static inline uint64_t truncate_to(uint64_t v, unsigned bytes)
{
    return bytes >= 8 ? v : v & ((1ull << 8 * bytes) - 1);
}

/* ---- probe.c ---- */

enum sys_has {
    HAS_CLFLUSHOPT,
    HAS_CLWB,
    HAS_CLZERO,
    HAS_MOVDIR64B,
    HAS_RDPID,
    HAS_XSAVEOPT,
    HAS_XSAVEC,
    HAS_XSAVES,
    HAS_XGETBV_1,
};
static inline bool has(const struct dbt_cpu *c, enum sys_has what)
{
    return c->has >> what & 1;
}

/* ---- xstate.c ---- */

/* ---- cpuid.c ---- */
struct cpuid;
/* The machine's answer becomes the guest's. */
void cpuid_restrict(struct dbt_cpu *c, uint32_t leaf, uint32_t subleaf, struct cpuid *r);

/* ---- mtrr.c, other_msr.c ---- */
enum msr_result { MSR_DONE, MSR_REFUSED /* #GP(0) */, MSR_UNKNOWN };
bool guest_has_mtrrs(struct dbt_cpu *c);
enum msr_result guest_mtrr_read(struct dbt_cpu *c, uint32_t msr, uint64_t *value);
enum msr_result guest_mtrr_write(struct dbt_cpu *c, uint32_t msr, uint64_t value);
enum msr_result other_msr_read(struct dbt_cpu *c, uint32_t msr, uint64_t *value);
enum msr_result other_msr_write(struct dbt_cpu *c, uint32_t msr, uint64_t value);

/* ---- operand.c: an instruction taken apart, its registers and memory ---- */

enum opcode_map { MAP_ONE_BYTE, MAP_0F, MAP_0F38, MAP_0F3A };

struct sys_insn {
    const struct insn *insn;
    const uint8_t *immediate; /* behind the opcode; meaningful for forms without ModRM */
    uint8_t map;              /* enum opcode_map */
    uint8_t opcode;
    uint8_t modrm, reg, rm; /* reg, rm: with REX.R, REX.B */
    uint8_t modrm_at;       /* index in the instruction's bytes */
    uint8_t rex;
    uint8_t repeat;    /* F3, F2 or 0 */
    bool operand_size; /* 66 */
    uint8_t segment;   /* override, or NO_REGISTER */
    bool memory;       /* ModRM names memory */
};
void sys_take_apart(const struct insn *insn, struct sys_insn *i);

/* The effective address of the memory operand, and its segment register. */
struct sys_place {
    uint64_t offset;
    unsigned segment;
};
struct sys_place sys_place(const struct dbt_cpu *c, const struct sys_insn *i);

/* Memory operand, or the part of it that begins at `offset`. */
bool read_operand(struct dbt_cpu *c, const struct sys_insn *i, unsigned offset, void *to, unsigned bytes);
/* r/m16: the low word of a register, or two bytes of memory. */
bool read_rm16(struct dbt_cpu *c, const struct sys_insn *i, uint16_t *value);
/* `bytes` of memory; a register gets operand size. */
bool write_rm(struct dbt_cpu *c, const struct sys_insn *i, uint64_t value, unsigned memory_bytes);
/* Writes to a register as an operand size does: 4 bytes clear the upper half, 2 leave the rest. */
void write_gpr(struct dbt_cpu *c, unsigned gpr, uint64_t value, unsigned bytes);
uint64_t immediate_value(const uint8_t *from, unsigned bytes);

/* ---- stack.c: stacks in use and stacks to come; nothing is committed before stack_commit() ---- */

struct stack {
    uint64_t sp;
    gva_t base;
    uint32_t limit;
    uint32_t access; /* of the segment, as in struct segment */
    uint16_t error;  /* selector part of #SS: that of a stack to come, else 0 */
    bool flat64;     /* 64-bit mode: no base, no limit, 8 bytes of RSP */
    bool system;     /* pushes are supervisor accesses whatever the CPL is now */
    uint8_t cause;   /* enum access_cause */
};
struct stack stack_current(const struct dbt_cpu *c, uint8_t cause);
struct stack stack_new(const struct segment *ss, uint64_t sp, bool flat64, bool system, uint8_t cause);
bool stack_push(struct dbt_cpu *c, struct stack *s, uint64_t value, unsigned bytes);
bool stack_pop(struct dbt_cpu *c, struct stack *s, uint64_t *value, unsigned bytes);
/* What a pop would read after `offset` bytes; the stack stays. */
bool stack_peek(struct dbt_cpu *c, const struct stack *s, unsigned offset, uint64_t *value, unsigned bytes);
void stack_skip(struct stack *s, int64_t bytes);
/* Whether segmentation lets a pop have `bytes` after `offset` more. */
bool stack_holds(struct dbt_cpu *c, const struct stack *s, unsigned offset, unsigned bytes);
/* #AC where the pointer is no multiple of `bytes` and has to be. */
bool stack_aligned(struct dbt_cpu *c, const struct stack *s, unsigned bytes);
/* Whether `bytes` at the pointer could be written, as ENTER wants to know. */
bool stack_writable(struct dbt_cpu *c, const struct stack *s, unsigned bytes);
/* The stack's pointer into RSP, in the width the stack has. */
void stack_commit(struct dbt_cpu *c, const struct stack *s);

/* ---- descriptor.c ---- */

struct descriptor {
    uint16_t selector;
    uint32_t low, high;
    uint32_t base_high, top; /* of 16-byte descriptors */
    gva_t at;
};
#define TYPE_TSS16 1u
#define TYPE_LDT 2u
#define TYPE_TSS16_BUSY 3u
#define TYPE_CALL_GATE16 4u
#define TYPE_TASK_GATE 5u
#define TYPE_INTERRUPT_GATE16 6u
#define TYPE_TRAP_GATE16 7u
#define TYPE_TSS32 9u
#define TYPE_TSS32_BUSY 11u
#define TYPE_CALL_GATE32 12u
#define TYPE_INTERRUPT_GATE32 14u
#define TYPE_TRAP_GATE32 15u
#define TYPE_ACCESSED 1u
#define TYPE_WRITABLE 2u /* data; of code: readable */
#define TYPE_READABLE 2u
#define TYPE_CONFORMING 4u
#define TYPE_EXPAND_DOWN 4u
#define TYPE_CODE 8u
#define TYPE_BUSY 2u

static inline bool is_null(uint16_t selector)
{
    return !(selector & ~SELECTOR_RPL);
}
static inline unsigned descriptor_type(const struct descriptor *d)
{
    return d->high >> 8 & 15;
}
static inline unsigned descriptor_dpl(const struct descriptor *d)
{
    return d->high >> 13 & 3;
}
static inline bool descriptor_present(const struct descriptor *d)
{
    return d->high & 0x8000;
}
static inline bool descriptor_is_segment(const struct descriptor *d)
{
    return d->high & 0x1000;
}
static inline bool descriptor_is_code(const struct descriptor *d)
{
    return descriptor_is_segment(d) && (descriptor_type(d) & TYPE_CODE);
}
static inline bool descriptor_is_conforming(const struct descriptor *d)
{
    return descriptor_type(d) & TYPE_CONFORMING;
}
static inline bool descriptor_is_64(const struct descriptor *d)
{
    return d->high & 0x200000;
}
static inline bool descriptor_is_32(const struct descriptor *d)
{
    return d->high & 0x400000;
}

enum descriptor_found { DESCRIPTOR_FOUND, DESCRIPTOR_OUTSIDE, DESCRIPTOR_FAULT };
/* Reads `bytes` (8 or 16); OUTSIDE: no such descriptor, nothing raised. */
enum descriptor_found descriptor_look(struct dbt_cpu *c, uint16_t selector, unsigned bytes,
                                      struct descriptor *d);
/* The same, but outside the table raises `vector` (selector). */
bool descriptor_read(struct dbt_cpu *c, uint16_t selector, unsigned bytes, uint8_t vector,
                     struct descriptor *d);
/* Sets the accessed bit in memory and in `d`, if it is not set: a write of the access byte. */
bool descriptor_set_accessed(struct dbt_cpu *c, struct descriptor *d);
/* LTR's busy bit: a write of the descriptor's second four bytes. */
bool descriptor_set_busy(struct dbt_cpu *c, struct descriptor *d);
struct segment descriptor_segment(const struct descriptor *d);
/* Offset and selector of a gate. */
uint64_t gate_offset(const struct descriptor *d, bool wide);
static inline uint16_t gate_selector(const struct descriptor *d)
{
    return (uint16_t)(d->low >> 16);
}

/* ---- segment.c ---- */

/* A null selector's segment; its DPL is kept for SS, whose DPL is the CPL. */
struct segment segment_null(uint16_t selector, unsigned dpl);
/* Loads as MOV to a segment register does. */
bool segment_load(struct dbt_cpu *c, unsigned segment, uint16_t selector);
/* Checks a segment for data at this CPL, accessed bit not yet set. `vector`: #GP, or #TS for one out of a
 * TSS. */
bool data_segment_check(struct dbt_cpu *c, uint16_t selector, uint8_t vector, struct descriptor *d);
/* Checks a stack segment for level `cpl` and returns it, accessed bit not yet set. `vector`: #GP, or #TS for
 * stacks out of a TSS; `absent`: what is raised if it is not present, #SS or #NP. */
bool stack_segment_check(struct dbt_cpu *c, uint16_t selector, unsigned cpl, uint8_t vector, uint8_t absent,
                         struct descriptor *d);

/* ---- far.c: a place in a code segment, and getting there ---- */

struct far_target {
    struct descriptor code;
    uint64_t rip;
    unsigned cpl;
};
/* Limit or canonical check of `rip` in the segment: #GP(EXT). */
bool target_check_rip(struct dbt_cpu *c, const struct far_target *t);
/* Sets the descriptor's accessed bit; before anything is committed. */
bool target_touch(struct dbt_cpu *c, struct far_target *t);
/* CS, RIP and CPL. */
void target_commit(struct dbt_cpu *c, const struct far_target *t);
/* True if a code segment can be entered in this mode: L and D are not both set. */
bool code_mode_valid(const struct dbt_cpu *c, const struct descriptor *code);
static inline bool target_is_64(const struct dbt_cpu *c, const struct far_target *t)
{
    return long_mode(c) && descriptor_is_64(&t->code);
}

/* inner_stack.c: the stack that the TSS names for level `cpl`; `ist`: of 64-bit gates, else 0. */
struct inner_stack {
    struct stack stack;
    struct descriptor ss; /* in IA-32e mode there is none: SS becomes null */
    struct segment segment;
};
bool inner_stack_find(struct dbt_cpu *c, unsigned cpl, unsigned ist, uint8_t cause, struct inner_stack *n);
/* Sets the accessed bit of SS's descriptor. */
bool inner_stack_touch(struct dbt_cpu *c, struct inner_stack *n);

/* ---- task.c ---- */

enum task_way { TASK_JMP, TASK_CALL /* and events: the old task is nested in */, TASK_IRET };
/* It is a TSS in the GDT, busy or not, and there; else `vector`, or #NP. */
bool task_check(struct dbt_cpu *c, const struct descriptor *tss, uint8_t vector, bool busy);
/* The TSS that a task gate names, if it can be switched to. */
bool task_gate(struct dbt_cpu *c, const struct descriptor *gate, struct descriptor *tss);
/* The old task goes on at `ip`. False: the exception is the old task's or the new one's, as the state says by
 * then. */
bool task_switch(struct dbt_cpu *c, struct descriptor *tss, enum task_way way, uint64_t ip);
/* The task is what handles an event; `flags`: what the old one goes on with. */
bool task_deliver(struct dbt_cpu *c, struct descriptor *tss, const struct sys_event *e, uint64_t flags,
                  uint8_t cause);
/* IRET with NT. */
bool task_return(struct dbt_cpu *c, uint64_t ip);

/* ---- v86.c ---- */

void v86_load(struct dbt_cpu *c, unsigned segment, uint16_t selector);
/* Where VIF stands for IF: virtual-8086 mode with CR4.VME, CPL 3 with CR4.PVI. */
bool v86_is_virtual_if(const struct dbt_cpu *c);
/* IRET, PUSHF and POPF with an operand of `bytes` depend on IOPL there: else #GP(0). */
bool v86_allows(struct dbt_cpu *c, unsigned bytes);
/* The flags as they are pushed, whether an image can be loaded (else #GP(0)), and loading what `mask` lets:
 * with VIF for IF where it is so; everywhere else as they are. */
uint64_t v86_flags(const struct dbt_cpu *c, unsigned bytes);
bool v86_check_flags(struct dbt_cpu *c, uint64_t flags, unsigned bytes);
void v86_set_flags(struct dbt_cpu *c, uint64_t flags, uint64_t mask, unsigned bytes);
/* Behind an IRET: the monitor has an interrupt for the program, which takes it: #GP(0) in its context. */
bool v86_check_pending(struct dbt_cpu *c);
/* INT n there: *redirected if the TSS leaves it to the program's own handlers. False: a fault. */
bool v86_redirects(struct dbt_cpu *c, uint8_t vector, bool *redirected);
/* The data segments' part of an event's frame; they become null behind it. */
bool v86_push_segments(struct dbt_cpu *c, struct stack *s, unsigned bytes);
void v86_drop_segments(struct dbt_cpu *c);
/* IRET to virtual-8086 mode; `frame` is at ESP. The flags are the caller's. */
bool v86_return(struct dbt_cpu *c, const struct stack *frame, uint64_t ip, uint16_t cs);

/* Flags that IRET and POPF may change at this CPL and IOPL, for an operand of `bytes`. */
uint64_t changeable_flags(const struct dbt_cpu *c, unsigned bytes);
void set_flags(struct dbt_cpu *c, uint64_t value, uint64_t mask);

/* One attempt to deliver; false: the exception that came in between. */
bool event_deliver_once(struct dbt_cpu *c, const struct sys_event *e);

/* ---- instructions: each advances RIP itself only where it goes elsewhere ---- */

typedef bool sys_handler(struct dbt_cpu *c, const struct sys_insn *i);

/* segment.c */
sys_handler op_mov_to_segment, op_mov_from_segment, op_push_segment, op_pop_segment, op_load_far_pointer;
/* table.c */
sys_handler op_lldt, op_ltr, op_sldt, op_str, op_lgdt, op_lidt, op_sgdt, op_sidt, op_verr, op_verw, op_lar,
    op_lsl;
/* stack_frame.c */
sys_handler op_pusha, op_popa, op_enter;
/* far.c */
sys_handler op_far_jmp, op_far_call, op_far_jmp_indirect, op_far_call_indirect;
/* return.c */
sys_handler op_far_ret, op_far_ret_pop, op_iret;
/* event.c */
sys_handler op_int, op_int1, op_int3, op_into;
/* syscall.c */
sys_handler op_syscall, op_sysret, op_sysenter, op_sysexit, op_swapgs, op_fs_gs_base;
/* control.c */
sys_handler op_mov_from_cr, op_mov_to_cr, op_clts, op_lmsw, op_smsw, op_invlpg, op_invpcid, op_invd;
/* debug.c */
sys_handler op_mov_from_dr, op_mov_to_dr;
/* msr.c */
sys_handler op_rdmsr, op_wrmsr, op_xgetbv, op_xsetbv, op_cpuid, op_rdtsc, op_rdtscp, op_rdpid, op_rdpmc;
/* bound.c */
sys_handler op_bound, op_arpl;
/* decimal.c */
sys_handler op_daa, op_das, op_aaa, op_aas, op_aam, op_aad, op_salc;
/* port.c */
sys_handler op_in, op_out, op_ins, op_outs;
/* line.c */
sys_handler op_flush_line, op_clzero, op_movdir64b;
/* x87.c */
sys_handler op_fnstenv, op_fldenv, op_fnsave, op_frstor, op_fninit, op_fnclex;
/* xstate.c */
sys_handler op_fxsave, op_fxrstor, op_xsave, op_xsaveopt, op_xsavec, op_xsaves, op_xrstor, op_xrstors;
/* hypercall.c */
sys_handler op_vmcall;
/* flags.c */
sys_handler op_cli, op_sti, op_pushf, op_popf, op_hlt, op_clac, op_stac;

/* RIP behind the instruction, in the code segment's width. */
uint64_t next_rip(const struct dbt_cpu *c, const struct sys_insn *i);
/* Instructions that only CPL 0 may execute: #GP(0). */
bool require_cpl0(struct dbt_cpu *c);
bool require_protected(struct dbt_cpu *c); /* #UD in real and virtual-8086 mode */

#endif
