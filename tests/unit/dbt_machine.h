/*
 * A processor and a few megabytes of RAM for tests of dbt/sys/: the memory interface of dbt/memory.h, with a
 * log of what was written and recorded, and three ready-made modes.
 *
 *     0x01000 GDT   0x02000 IDT   0x03000 TSS   0x04000 LDT   0x07000 code
 *     0x08000 stack of level 0, 0x09000 of level 3, 0x0a000 of level 0 in the TSS, 0x0b000 of IST 1 (all grow
 * down) 0x10000 page tables of machine_long()
 */
#ifndef DBT_MACHINE_H
#define DBT_MACHINE_H

#include "unit.h"

#include "dbt/memory.h"
#include "dbt/sys/sys.h"
#include "trace/access.h"
#include "trace/hook.h"
#include "x86/cpu.h"
#include "x86/exceptions.h"
#include "x86/paging.h"

#define RAM_BYTES MIB(4)
#define GDT 0x1000u
#define IDT 0x2000u
#define TSS 0x3000u
#define LDT 0x4000u
#define CODE 0x7000u
#define STACK0 0x8000u
#define STACK3 0x9000u
#define STACK_TSS 0xa000u
#define STACK_IST 0xb000u
#define TABLES 0x10000u

/* Selectors of the GDT that machine_protected() and machine_long() build. */
#define CODE32 0x08
#define DATA32 0x10
#define USER_CODE32 0x1b
#define USER_DATA32 0x23
#define TSS_SELECTOR 0x28 /* 16 bytes */
#define CODE64 0x38
#define USER_CODE64 0x43
#define CONFORMING 0x48
#define CODE16 0x50
#define DATA16 0x58
#define LDT_SELECTOR 0x60 /* 16 bytes */
#define ABSENT_DATA 0x70
#define READ_ONLY 0x78
#define FREE_SLOT 0x80 /* for what a test needs; 16 bytes */
#define EXECUTE_ONLY 0x90
#define ABSENT_CODE 0x98
#define GDT_LIMIT 0x9f

static uint8_t ram[RAM_BYTES];
static struct dbt_cpu cpu;

struct logged {
    gva_t at;
    uint64_t value;
    uint8_t bytes, cause, vector;
};
struct log {
    struct logged entry[64];
    unsigned count;
};
static struct log written, reads;
static struct hook_event recorded_event;
static unsigned events, mode_changes, flushes, global_flushes, page_flushes;
static gva_t flushed_page;

static inline uint64_t peek(gpa_t at, unsigned bytes)
{
    uint64_t v = 0;
    memcpy(&v, ram + at, bytes);
    return v;
}
static inline void poke(gpa_t at, uint64_t v, unsigned bytes)
{
    memcpy(ram + at, &v, bytes);
}

static inline void note(struct log *log, gva_t at, uint64_t value, unsigned bytes, uint8_t cause)
{
    uint8_t vector = cause == CAUSE_EXCEPTION || cause == CAUSE_INTERRUPT ? cpu.event_vector : 0;
    assert_true(log->count < ARRAY_SIZE(log->entry));
    log->entry[log->count++] = (struct logged){at, value, (uint8_t)bytes, cause, vector};
}

/* Two passes: all pages are checked before anything is written. Outside RAM there are ones. */
static inline bool transfer(struct dbt_cpu *c, gva_t at, uint8_t *to, const uint8_t *from, unsigned bytes,
                            unsigned access)
{
    for (int pass = 0; pass < 2; pass++)
        for (unsigned n = 0; n < bytes; n++) {
            gpa_t p;
            if (!dbt_translate(c, at + n, access, &p))
                return false;
            if (!pass)
                continue;
            if (from && p < RAM_BYTES)
                ram[p] = from[n];
            else if (to)
                to[n] = p < RAM_BYTES ? ram[p] : 0xff;
        }
    return true;
}

bool dbt_read(struct dbt_cpu *c, gva_t at, void *to, unsigned bytes, unsigned access, uint8_t cause)
{
    uint64_t value = 0;
    assert_false(access & (DBT_WRITE | DBT_FETCH));
    if (!transfer(c, at, to, NULL, bytes, access))
        return false;
    memcpy(&value, to, bytes < sizeof value ? bytes : sizeof value);
    note(&reads, at, value, bytes, cause);
    return true;
}

bool dbt_write(struct dbt_cpu *c, gva_t at, const void *from, unsigned bytes, unsigned access, uint8_t cause)
{
    uint64_t value = 0;
    assert_true(access & DBT_WRITE);
    if (!transfer(c, at, NULL, from, bytes, access))
        return false;
    memcpy(&value, from, bytes < sizeof value ? bytes : sizeof value);
    note(&written, at, value, bytes, cause);
    return true;
}

uint64_t dbt_physical_read(struct dbt_cpu *c, gpa_t at, unsigned bytes)
{
    (void)c;
    return at + bytes <= RAM_BYTES ? peek(at, bytes) : UINT64_MAX >> (64 - 8 * bytes);
}

void dbt_physical_write(struct dbt_cpu *c, gpa_t at, uint64_t value, unsigned bytes)
{
    (void)c;
    if (at + bytes <= RAM_BYTES)
        poke(at, value, bytes);
}

bool dbt_hypercall(struct dbt_cpu *c)
{
    (void)c;
    return false;
}

void dbt_record_walk(struct dbt_cpu *c, gpa_t entry, uint64_t value, unsigned bytes, bool is_write)
{
    (void)c;
    note(is_write ? &written : &reads, entry, value, bytes, CAUSE_PAGE_WALK);
}

void dbt_record_event(struct dbt_cpu *c, const struct hook_event *e)
{
    (void)c;
    recorded_event = *e;
    events++;
}

static inline void on_mode(struct dbt_cpu *c)
{
    (void)c;
    mode_changes++;
}
static inline void on_flush(struct dbt_cpu *c, bool global)
{
    (void)c;
    flushes++;
    global_flushes += global;
}
static inline void on_flush_page(struct dbt_cpu *c, gva_t at)
{
    (void)c;
    page_flushes++;
    flushed_page = at;
}
static inline void on_cpuid(struct dbt_cpu *c)
{
    c->v.gpr[RBX] = 0x1d;
}
#define CORE_MSR 0x1234u
static inline bool on_read_msr(struct dbt_cpu *c, uint32_t msr, uint64_t *value)
{
    (void)c;
    *value = 0x1122334455667788;
    return msr == CORE_MSR;
}
static inline bool on_write_msr(struct dbt_cpu *c, uint32_t msr, uint64_t value)
{
    (void)c;
    return msr == CORE_MSR && value == 0x1122334455667788;
}
static inline uint64_t on_tsc(struct dbt_cpu *c)
{
    (void)c;
    return 0x99887766554433;
}

/* Ports: reads show the port, writes are logged. */
static struct port_access {
    uint16_t port;
    uint8_t bytes;
    uint32_t value;
} last_port_write;
static inline uint32_t on_port_in(struct dbt_cpu *c, uint16_t port, unsigned bytes)
{
    (void)c;
    return port * 0x10001u >> 8 * (4 - bytes);
}
static inline void on_port_out(struct dbt_cpu *c, uint16_t port, unsigned bytes, uint32_t value)
{
    (void)c;
    last_port_write = (struct port_access){port, (uint8_t)bytes, value};
}

/* Reset: real mode, flat enough for the tests. */
static inline void machine_real(void)
{
    memset(ram, 0, sizeof ram);
    memset(&cpu, 0, sizeof cpu);
    written.count = reads.count = 0;
    events = mode_changes = flushes = global_flushes = page_flushes = 0;
    cpu.v.rflags = RFLAGS_ONE;
    cpu.v.cr0 = CR0_ET;
    cpu.v.dr6 = 0xffff0ff0;
    cpu.v.dr7 = 0x400;
    cpu.v.xcr0 = 1;
    for (unsigned s = 0; s <= SEG_GS; s++)
        cpu.v.seg[s] = (struct segment){.limit = 0xffff, .access = 0x93};
    cpu.v.seg[SEG_CS].access = 0x9b;
    cpu.v.seg[SEG_LDTR].access = SEGMENT_UNUSABLE;
    cpu.v.seg[SEG_TR] = (struct segment){.limit = 0xffff, .access = 0x8b};
    cpu.v.idtr.limit = 0x3ff;
    cpu.v.rip = CODE;
    cpu.v.gpr[RSP] = STACK0;
    cpu.physical_bits = 40;
    cpu.has_gib_pages = true;
    cpu.cr4_allowed = CR4_VME | CR4_PVI | CR4_TSD | CR4_DE | CR4_PSE | CR4_PAE | CR4_PGE | CR4_OSFXSR |
                      CR4_UMIP | CR4_LA57 | CR4_FSGSBASE | CR4_PCIDE | CR4_OSXSAVE | CR4_SMEP | CR4_SMAP;
    cpu.xcr0_allowed = 0xe7;
    cpu.mode_changed = on_mode;
    cpu.tlb_flush = on_flush;
    cpu.tlb_flush_page = on_flush_page;
    cpu.cpuid = on_cpuid;
    cpu.read_msr = on_read_msr;
    cpu.write_msr = on_write_msr;
    cpu.read_tsc = on_tsc;
    cpu.port_in = on_port_in;
    cpu.port_out = on_port_out;
    sys_probe(&cpu);
}

/* `flags`: G, D/B, L in bits 7:5 of the byte above the limit's high half (0xc: 4 GiB, 32 bits). */
static inline void put_descriptor(gpa_t table, unsigned selector, uint32_t base, uint32_t limit,
                                  uint8_t access, uint8_t flags)
{
    uint64_t d = (limit & 0xffff) | (uint64_t)(base & 0xffffff) << 16 | (uint64_t)access << 40 |
                 (uint64_t)(limit >> 16 & 15) << 48 | (uint64_t)flags << 52 | (uint64_t)(base >> 24) << 56;
    poke(table + (selector & ~7u), d, 8);
}

static inline void put_gate(gpa_t at, uint16_t selector, uint64_t offset, uint8_t access, uint8_t low_byte,
                            bool wide)
{
    uint64_t d = (offset & 0xffff) | (uint64_t)selector << 16 | (uint64_t)low_byte << 32 |
                 (uint64_t)access << 40 | (offset >> 16 & 0xffff) << 48;
    poke(at, d, 8);
    if (wide)
        poke(at + 8, offset >> 32, 8);
}

static inline void put_idt_gate(unsigned vector, uint16_t selector, uint64_t offset, uint8_t access,
                                uint8_t ist)
{
    bool wide = cpu.v.efer & EFER_LMA;
    put_gate(IDT + vector * (wide ? 16 : 8), selector, offset, access, ist, wide);
}

/* Accessed bits are clear in the GDT, so that setting them shows. */
static inline void put_gdt(void)
{
    put_descriptor(GDT, CODE32, 0, 0xfffff, 0x9a, 0xc);
    put_descriptor(GDT, DATA32, 0, 0xfffff, 0x92, 0xc);
    put_descriptor(GDT, USER_CODE32, 0, 0xfffff, 0xfa, 0xc);
    put_descriptor(GDT, USER_DATA32, 0, 0xfffff, 0xf2, 0xc);
    put_descriptor(GDT, TSS_SELECTOR, TSS, 0x67, 0x89, 0);
    put_descriptor(GDT, CODE64, 0, 0xfffff, 0x9a, 0xa);
    put_descriptor(GDT, USER_CODE64, 0, 0xfffff, 0xfa, 0xa);
    put_descriptor(GDT, CONFORMING, 0, 0xfffff, 0x9e, 0xc);
    put_descriptor(GDT, CODE16, 0x100, 0xffff, 0x9a, 0);
    put_descriptor(GDT, DATA16, 0x100, 0xffff, 0x92, 0);
    put_descriptor(GDT, LDT_SELECTOR, LDT, 0x0f, 0x82, 0);
    put_descriptor(GDT, ABSENT_DATA, 0, 0xfffff, 0x12, 0xc);
    put_descriptor(GDT, READ_ONLY, 0, 0xfffff, 0x90, 0xc);
    put_descriptor(GDT, EXECUTE_ONLY, 0, 0xfffff, 0x98, 0xc);
    put_descriptor(GDT, ABSENT_CODE, 0, 0xfffff, 0x1a, 0xc);
}

static inline void set_level(unsigned cpl, uint16_t cs, uint32_t code_access, uint16_t ss)
{
    const struct segment flat = {.limit = 0xffffffff, .access = 0xc093 | cpl << SEGMENT_DPL_SHIFT};
    for (unsigned s = 0; s <= SEG_GS; s++) {
        cpu.v.seg[s] = flat;
        cpu.v.seg[s].selector = ss;
    }
    cpu.v.seg[SEG_CS].access = code_access | cpl << SEGMENT_DPL_SHIFT;
    cpu.v.seg[SEG_CS].selector = cs;
    cpu.v.gpr[RSP] = cpl ? STACK3 : STACK0;
}

/* 32-bit protected mode at level `cpl`, flat, no paging. */
static inline void machine_protected(unsigned cpl)
{
    machine_real();
    put_gdt();
    cpu.v.cr0 |= CR0_PE;
    cpu.v.gdtr = (struct table_register){GDT, GDT_LIMIT};
    cpu.v.idtr = (struct table_register){IDT, 0x7ff};
    cpu.v.seg[SEG_TR] =
        (struct segment){.base = TSS, .limit = 0x67, .selector = TSS_SELECTOR, .access = 0x8b};
    poke(TSS + 4, STACK_TSS, 4);
    poke(TSS + 8, DATA32, 4);
    set_level(cpl, cpl ? USER_CODE32 : CODE32, 0xc09b, cpl ? USER_DATA32 : DATA32);
}

/* 64-bit mode at level `cpl`; the first 2 MiB identity-mapped for everyone, A and D bits set. */
static inline void machine_long(unsigned cpl)
{
    machine_protected(cpl);
    poke(TABLES, (TABLES + 0x1000) | 0x27, 8);
    poke(TABLES + 0x1000, (TABLES + 0x2000) | 0x27, 8);
    poke(TABLES + 0x2000, 0xe7, 8);
    cpu.v.cr0 |= CR0_PG | CR0_WP;
    cpu.v.cr4 = CR4_PAE;
    cpu.v.cr3 = TABLES;
    cpu.v.efer = EFER_LME | EFER_LMA | EFER_SCE | EFER_NXE;
    cpu.v.idtr.limit = 0xfff;
    memset(ram + TSS, 0, 0x68);
    poke(TSS + 4, STACK_TSS, 8);
    poke(TSS + 0x24, STACK_IST, 8);
    set_level(cpl, cpl ? USER_CODE64 : CODE64, 0xa09b, cpl ? USER_DATA32 : DATA32);
}

/* Decodes and executes one instruction at CS:RIP. */
static inline bool execute_bytes(const uint8_t *bytes, size_t n)
{
    struct insn insn;
    if (!insn_decode(&insn, bytes, n, sys_code_size(&cpu)))
        fail_msg("%02x %02x %02x is no instruction", bytes[0], n > 1 ? bytes[1] : 0, n > 2 ? bytes[2] : 0);
    assert_int_equal(insn.length, n);
    assert_true(sys_handles(&insn));
    return sys_execute(&cpu, &insn);
}
#define EXECUTE(...) execute_bytes((const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

/* The instruction goes through. */
#define RUNS(...)                                                                                            \
    do {                                                                                                     \
        if (!EXECUTE(__VA_ARGS__))                                                                           \
            fail_msg("expected no fault, got vector %u error 0x%x stop %u", cpu.fault.vector,                \
                     cpu.fault.error, cpu.stop);                                                             \
    } while (0)

static inline void expect_fault(bool ran, uint8_t vector, bool has_error, uint32_t error)
{
    if (ran || cpu.stop || cpu.fault.vector != vector || cpu.fault.has_error != has_error ||
        cpu.fault.error != error)
        fail_msg("expected vector %u error %d 0x%x, got %s vector %u error %d 0x%x", vector, has_error, error,
                 ran        ? "no fault;"
                 : cpu.stop ? "the end of the run;"
                            : "",
                 cpu.fault.vector, cpu.fault.has_error, cpu.fault.error);
}
/* The instruction raises an exception with this error code; RIP and RSP stay. */
#define FAULTS(vector, error, ...)                                                                           \
    do {                                                                                                     \
        uint64_t rip_ = cpu.v.rip, rsp_ = cpu.v.gpr[RSP];                                                    \
        expect_fault(EXECUTE(__VA_ARGS__), vector, true, error);                                             \
        assert_int_equal(cpu.v.rip, rip_);                                                                   \
        assert_int_equal(cpu.v.gpr[RSP], rsp_);                                                              \
    } while (0)
#define UNDEFINED(...) expect_fault(EXECUTE(__VA_ARGS__), VECTOR_UD, false, 0)

/* The writes or reads so far, in order; then both logs are empty. */
static inline void expect_log(const char *what, struct log *log, const struct logged *expected,
                              unsigned count)
{
    for (unsigned n = 0; n < count && n < log->count; n++) {
        const struct logged *e = &expected[n], *g = &log->entry[n];
        if (e->at != g->at || e->value != g->value || e->bytes != g->bytes || e->cause != g->cause ||
            e->vector != g->vector)
            fail_msg("%s %u: expected %u bytes at 0x%lx = 0x%lx cause %u vector %u, got %u at 0x%lx = 0x%lx "
                     "cause %u "
                     "vector %u",
                     what, n, e->bytes, e->at, e->value, e->cause, e->vector, g->bytes, g->at, g->value,
                     g->cause, g->vector);
    }
    assert_int_equal(log->count, count);
    written.count = reads.count = 0;
}
#define EXPECT_LOG(what, log, ...)                                                                           \
    expect_log(what, log, (const struct logged[]){__VA_ARGS__},                                              \
               sizeof((const struct logged[]){__VA_ARGS__}) / sizeof(struct logged))
#define EXPECT_WRITES(...) EXPECT_LOG("write", &written, __VA_ARGS__)
#define EXPECT_READS(...) EXPECT_LOG("read", &reads, __VA_ARGS__)
static inline void expect_no_writes(void)
{
    assert_int_equal(written.count, 0);
}

#endif
