/*
 * The same code translated, in a guest that is as the process around the native run:
 * its segments, its page rights and, where it runs at CPL 3, a handler for every
 * exception that halts. The recorded accesses are played on a model of memory: every
 * read saw what the writes before it left, and all writes together are the difference.
 */
#include "pair.h"

#include "dbt/front.h"
#include "dbt/switch.h"
#include "x86/cpu.h"
#include "x86/exceptions.h"
#include "x86/paging.h"

#include <asm/prctl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define RAM_BYTES (4u << 20)
#define CODE_CACHE_BYTES (8u << 20)
#define BUDGET_BYTES (1u << 20)
#define SEGMENT_BYTES (1u << 20)
#define DICTIONARY_BYTES (1u << 20)
#define GUARD_BYTES 65536u
#define POLLS_MAX 20000u

/* Of the guest's own system. */
#define PAGE_TABLES_AT 0x200000u
#define GDT_AT 0x300000u
#define LDT_AT 0x300800u
#define IDT_AT 0x301000u
#define TSS_AT 0x302000u
#define HANDLERS_AT 0x303000u
#define HANDLER_BYTES 16u
#define STACK0_AT 0x306000u
#define SELECTOR_CODE32 0x08u
#define SELECTOR_CODE64 0x10u
#define SELECTOR_DATA0 0x18u
#define SELECTOR_TSS 0x38u
#define SELECTOR_LDT 0x48u
#define GDT_LIMIT 0x57u
#define LDT_LIMIT 0x7fu
#define TSS_LIMIT 0x67u
#define GATE_PRESENT 0x8e00u /* interrupt gate */

static struct dbt *d;
static uint8_t model[WINDOW_BYTES] __attribute__((aligned(8)));
static char problem[200];
static unsigned polls;

uint64_t translated_gs(void)
{
    return (uint64_t)(uintptr_t)d;
}

bool translated_trap(uint64_t rip, uint64_t address, uint64_t vector, uint64_t *resume)
{
    return dbt_trap(d, rip, address, vector, resume);
}

/* ---- memory ---- */

/* Where a page lies physically: with paging the data's pages change places, so that neighbours are none. */
static uint64_t frame_of(uint64_t page)
{
    const uint64_t first = DATA_AT >> PAGE_SHIFT;
    return world.paging && page >= first && page < first + 3 ? first + (page - first + 2) % 3 : page;
}

static uint64_t physical(uint64_t at)
{
    return frame_of(at >> PAGE_SHIFT) << PAGE_SHIFT | (at & (PAGE_SIZE - 1));
}

static void copy_window(uint8_t *to, const uint8_t *from)
{
    for (uint64_t k = 0; k < WINDOW_BYTES; k += PAGE_SIZE) {
        uint8_t *ram = d->ram + physical(WINDOW_AT + k);
        if (from)
            memcpy(ram, from + k, PAGE_SIZE);
        else
            memcpy(to + k, ram, PAGE_SIZE);
    }
}

/* ---- what is recorded ---- */

static bool place_is_right(const struct access *a)
{
    uint64_t last = a->gva + a->size - 1;
    bool crosses = (a->gva ^ last) >= PAGE_SIZE;
    return a->gpa == physical(a->gva) && crosses == !!(a->flags & ACCESS_CROSSES) &&
           (!crosses || a->gpa2 == (physical(last) & PAGE_MASK));
}

static bool explain(void *context, const struct access *a)
{
    uint64_t at_byte = a->gva - WINDOW_AT;
    bool own = a->rip >= WINDOW_AT && a->rip < WINDOW_AT + WINDOW_BYTES && a->gva < PAGE_TABLES_AT;
    (void)context;
    if (a->cause != CAUSE_INSTRUCTION || !own || problem[0])
        return true;
    if (at_byte > WINDOW_BYTES - a->size || !place_is_right(a))
        snprintf(problem, sizeof problem, "recorded access at 0x%lx (physical 0x%lx)", (unsigned long)a->gva,
                 (unsigned long)a->gpa);
    else if (a->kind == ACCESS_WRITE)
        memcpy(model + at_byte, a->data, a->size);
    else if (world.writes && memcmp(model + at_byte, a->data, a->size))
        snprintf(problem, sizeof problem,
                 "recorded read of %u bytes at 0x%lx by 0x%lx has other data than memory", a->size,
                 (unsigned long)a->gva, (unsigned long)a->rip);
    return true;
}

/* ---- the host ---- */

static uint8_t *records;
static struct dictionary dictionary;

static void define(struct dbt *engine)
{
    const struct recorder *r = &engine->recorder;
    if (!dictionary_add_accesses(&dictionary, r->access, r->staged_accesses) ||
        !dictionary_add_blocks(&dictionary, r->block, r->staged_blocks))
        snprintf(problem, sizeof problem, "the dictionary refuses a block");
}

static void end_segments(struct dbt *engine, const struct raw_use *used)
{
    static const struct raw_sink sink = {.access = explain};
    uint32_t damaged;
    recorder_hand_over(engine);
    if (!raw_read(&dictionary, records, used->bytes, &sink, NULL, &damaged))
        snprintf(problem, sizeof problem, "records cannot be read at %u", damaged);
}

static void next_segment(struct dbt *engine, const struct raw_use *used)
{
    if (used)
        end_segments(engine, used);
    engine->recorder.start = records;
    engine->recorder.end = records + SEGMENT_BYTES;
}

static void new_dictionary(struct dbt *engine)
{
    dictionary.block_count = dictionary.access_count = 0;
    engine->recorder.block_count = engine->recorder.access_count = 0;
}

static uint64_t deadline(struct dbt *engine)
{
    (void)engine;
    return world.budget ? world.budget : BUDGET_BYTES;
}
static bool poll(struct dbt *engine)
{
    (void)engine;
    return ++polls < POLLS_MAX;
}
static bool no(struct dbt *engine)
{
    (void)engine;
    return false;
}
static int no_interrupt(struct dbt *engine)
{
    (void)engine;
    return -1;
}
static struct dbt_host host = {.next_segment = next_segment,
                               .end_segments = end_segments,
                               .define = define,
                               .new_dictionary = new_dictionary,
                               .next_deadline = deadline,
                               .poll = poll,
                               .interrupt = no_interrupt,
                               .wait = no};

static void machine_cpuid(struct dbt_cpu *c)
{
    struct cpuid r = cpuid((uint32_t)c->v.gpr[RAX], (uint32_t)c->v.gpr[RCX]);
    c->v.gpr[RAX] = r.eax;
    c->v.gpr[RBX] = r.ebx;
    c->v.gpr[RCX] = r.ecx;
    c->v.gpr[RDX] = r.edx;
}
static uint64_t machine_tsc(struct dbt_cpu *c)
{
    (void)c;
    return rdtsc();
}
static bool no_msr(struct dbt_cpu *c, uint32_t msr, uint64_t *value)
{
    (void)c;
    (void)msr;
    (void)value;
    return false;
}
static bool no_msr_write(struct dbt_cpu *c, uint32_t msr, uint64_t value)
{
    (void)c;
    (void)msr;
    (void)value;
    return false;
}

/* ---- the guest's system ---- */

static void poke(uint64_t at, uint64_t value, unsigned bytes)
{
    memcpy(d->ram + at, &value, bytes);
}

static uint64_t descriptor(uint64_t base, uint32_t limit, uint32_t access)
{
    if (limit > 0xfffff) {
        limit >>= 12;
        access |= SEGMENT_G;
    }
    return (limit & 0xffff) | (base & 0xffffff) << 16 | (uint64_t)(access & 0xf0ff) << 40 |
           (uint64_t)(limit >> 16) << 48 | (base >> 24 & 0xff) << 56;
}

static uint32_t access_of(unsigned segment)
{
    uint32_t dpl = world.user ? 3u << SEGMENT_DPL_SHIFT : 0;
    uint32_t wide = world_segment[segment].limit > 0xffff ? SEGMENT_G | SEGMENT_DB : 0;
    if (segment == SEG_CS)
        return 0x9bu | dpl |
               (world.size == CODE_64   ? SEGMENT_L | SEGMENT_G
                : world.size == CODE_32 ? SEGMENT_G | SEGMENT_DB
                                        : 0);
    if (!world_segment[segment].selector)
        return SEGMENT_UNUSABLE;
    return 0x93u | dpl | (world.size == CODE_16 ? 0 : wide | SEGMENT_DB);
}

static void make_descriptors(void)
{
    static const uint64_t gdt[] = {
        0,
        0x00cf9b000000ffff, /* as Linux has them */
        0x00af9b000000ffff,
        0x00cf93000000ffff,
        0x00cffb000000ffff,
        0x00cff3000000ffff,
        0x00affb000000ffff,
    };
    memcpy(d->ram + GDT_AT, gdt, sizeof gdt);
    poke(GDT_AT + SELECTOR_TSS, descriptor(TSS_AT, TSS_LIMIT, 0x8b), 8);
    poke(GDT_AT + SELECTOR_TSS + 8, 0, 8);
    poke(GDT_AT + SELECTOR_LDT, descriptor(LDT_AT, LDT_LIMIT, 0x82), 8);
    poke(GDT_AT + SELECTOR_LDT + 8, 0, 8);
    memset(d->ram + LDT_AT, 0, LDT_LIMIT + 1);
    for (unsigned n = SEG_ES; n <= SEG_GS; n++)
        if (world_segment[n].selector & 4)
            poke(LDT_AT + (world_segment[n].selector & ~7u),
                 descriptor(world_segment[n].base, world_segment[n].limit, access_of(n) & ~SEGMENT_G), 8);
}

/* Each handler halts; that of the single-step trap returns, where the run is stepped. */
static void make_handlers(void)
{
    bool wide = world.size == CODE_64;
    for (unsigned v = 0; v < 256; v++) {
        uint64_t at = HANDLERS_AT + v * HANDLER_BYTES;
        uint32_t rights = GATE_PRESENT | (v == VECTOR_BP || v == VECTOR_OF ? 3u << 13 : 0);
        uint64_t gate = (at & 0xffff) | (wide ? SELECTOR_CODE64 : SELECTOR_CODE32) << 16 |
                        (uint64_t)rights << 32 | (at >> 16 & 0xffff) << 48;
        poke(at, 0xf4, 1);
        poke(IDT_AT + v * (wide ? 16u : 8u), gate, 8);
        if (wide)
            poke(IDT_AT + v * 16u + 8, 0, 8);
    }
    if (world.stepping)
        poke(HANDLERS_AT + VECTOR_DB * HANDLER_BYTES, wide ? 0xcf48 : 0xcf, 2);
    memset(d->ram + TSS_AT, 0, TSS_LIMIT + 1);
    poke(TSS_AT + 4, STACK0_AT, 8);
    if (!wide)
        poke(TSS_AT + 8, SELECTOR_DATA0, 4);
    poke(TSS_AT + 0x66, TSS_LIMIT + 1, 2); /* no I/O permission bitmap */
}

static bool in_window(uint64_t page)
{
    return page >= WINDOW_AT >> PAGE_SHIFT && page < (WINDOW_AT + WINDOW_BYTES) >> PAGE_SHIFT;
}

static uint64_t page_entry(uint64_t page)
{
    uint64_t entry = frame_of(page) << PAGE_SHIFT | PTE_PRESENT | PTE_ACCESSED | PTE_DIRTY;
    bool system = page >= GDT_AT >> PAGE_SHIFT && page < STACK0_AT >> PAGE_SHIFT;
    if (page == HOLE_AT >> PAGE_SHIFT || !(in_window(page) || system))
        return 0;
    if (in_window(page) && world.user)
        entry |= PTE_USER;
    return page == READ_ONLY_AT >> PAGE_SHIFT ? entry : entry | PTE_WRITABLE;
}

/* Four levels, or the two of 32-bit paging. */
static void make_page_tables(void)
{
    const uint64_t flags = PTE_PRESENT | PTE_WRITABLE | PTE_USER | PTE_ACCESSED | PTE_DIRTY;
    uint64_t table = PAGE_TABLES_AT;
    bool wide = world.size == CODE_64;
    for (unsigned level = wide ? 4 : 2; level > 1; level--, table += PAGE_SIZE)
        poke(table, (table + PAGE_SIZE) | flags, wide ? 8 : 4);
    if (wide)
        poke(table - PAGE_SIZE + 8, (table + PAGE_SIZE) | flags, 8); /* the second 2 MiB */
    for (unsigned i = 0; i < RAM_BYTES >> PAGE_SHIFT; i++)
        poke(table + i * (wide ? 8u : 4u), page_entry(i), wide ? 8 : 4);
}

static void make_system(void)
{
    make_descriptors();
    make_handlers();
    if (world.paging)
        make_page_tables();
}

static void set_segments(struct vcpu *v)
{
    for (unsigned n = SEG_ES; n <= SEG_GS; n++)
        v->seg[n] = (struct segment){.base = world_segment[n].base,
                                     .limit = world_segment[n].limit,
                                     .selector = world_segment[n].selector,
                                     .access = access_of(n)};
    v->seg[SEG_LDTR] =
        (struct segment){.base = LDT_AT, .limit = LDT_LIMIT, .selector = SELECTOR_LDT, .access = 0x82};
    v->seg[SEG_TR] =
        (struct segment){.base = TSS_AT, .limit = TSS_LIMIT, .selector = SELECTOR_TSS, .access = 0x8b};
    v->gdtr = (struct table_register){GDT_AT, GDT_LIMIT};
    v->idtr = (struct table_register){IDT_AT, world.size == CODE_64 ? 0xfff : 0x7ff};
}

static uint64_t instruction_pointer(uint32_t offset)
{
    return WINDOW_AT + offset - (world.size == CODE_16 ? world_segment[SEG_CS].base : 0);
}

static void reset_cpu(const struct code *code)
{
    struct vcpu *v = &d->cpu.v;
    memcpy(v->gpr, initial.gpr, sizeof initial.gpr);
    v->rflags = world.user ? initial.rflags : initial.rflags & ~RFLAGS_IF;
    if (world.stepping)
        v->rflags |= RFLAGS_TF;
    v->rip = instruction_pointer(code->entry);
    v->cr0 = CR0_PE | CR0_ET | CR0_MP | CR0_NE | CR0_WP | CR0_AM | (world.paging ? CR0_PG : 0);
    v->cr2 = 0;
    v->cr3 = PAGE_TABLES_AT;
    v->cr4 = CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_OSXSAVE | CR4_FSGSBASE | (world.size == CODE_64 ? CR4_PAE : 0);
    v->efer = world.size == CODE_64 ? EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE : EFER_SCE;
    v->xcr0 = xstate_mask & d->cpu.xcr0_allowed;
    set_segments(v);
    d->cpu.stop = DBT_RUNS;
    d->cpu.halted = false;
    memset(&d->cpu.x87, 0, sizeof d->cpu.x87);
    memset(&d->cpu.x87_fault, 0, sizeof d->cpu.x87_fault);
    d->cpu.interrupt_shadow = d->cpu.shadow_is_mov_ss = false;
    d->quiet_block = false;
}

/* ---- a run ---- */

static void take_frame(struct state *end)
{
    bool wide = world.size == CODE_64;
    unsigned bytes = wide ? 8 : 4;
    unsigned words = wide || world.user ? 5 : 3;
    uint64_t word[5] = {0}, at = STACK0_AT - words * bytes;
    for (unsigned i = 0; i < words; i++)
        memcpy(&word[i], d->ram + at + i * bytes, bytes);
    end->rip = word[0];
    end->rflags = word[2];
    end->gpr[RSP] = word[3];
    end->address = end->vector == VECTOR_PF ? d->cpu.v.cr2 : 0;
    end->error = 0;
    if (end->vector == VECTOR_DF || (end->vector >= VECTOR_TS && end->vector <= VECTOR_PF) ||
        end->vector == VECTOR_AC)
        memcpy(&end->error, d->ram + at - bytes, 4);
}

/* HLT ends it: of the code at CPL 0, or of a handler. At CPL 3 it is #GP, and that is the end as well. */
static bool take_end(const struct code *code, struct state *end)
{
    uint64_t last = instruction_pointer(code->start + code->length);
    end->vector = VECTOR_NONE;
    end->error = 0;
    end->address = end->rip = 0;
    end->rflags = d->cpu.v.rflags;
    if (!d->cpu.halted)
        return false;
    if (!world.user)
        return d->cpu.v.rip == last + 1;
    if (d->cpu.v.rip < HANDLERS_AT || d->cpu.v.rip >= HANDLERS_AT + 256 * HANDLER_BYTES)
        return false;
    end->vector = (uint8_t)((d->cpu.v.rip - HANDLERS_AT) / HANDLER_BYTES);
    take_frame(end);
    if (end->vector != VECTOR_GP || end->rip != last)
        return true;
    end->vector = VECTOR_NONE;
    end->rip = 0;
    return true;
}

static void check_writes(const struct state *end)
{
    if (!world.writes || problem[0] || same_memory(model, end->memory, WINDOW_BYTES))
        return;
    for (unsigned k = 0; k < WINDOW_BYTES; k++)
        if (model[k] != end->memory[k]) {
            snprintf(problem, sizeof problem, "the recorded writes leave %02x at 0x%lx where memory has %02x",
                     model[k], (unsigned long)(WINDOW_AT + k), end->memory[k]);
            return;
        }
}

const char *run_translated(const struct code *code, struct state *end)
{
    static uint8_t own[XSTATE_BYTES] __attribute__((aligned(64)));
    make_system();
    copy_window(NULL, initial.memory);
    memcpy(d->ram + WINDOW_AT + code->start, code->bytes, code->length);
    d->ram[WINDOW_AT + code->start + code->length] = 0xf4; /* HLT */
    copy_window(model, NULL);
    problem[0] = '\0';
    polls = 0;
    reset_cpu(code);
    new_dictionary(d);
    dbt_forget_dictionary(d);
    dbt_set_recording(d, (world.reads ? RECORD_READS : 0) | (world.writes ? RECORD_WRITES : 0), NULL);
    save_vectors(own);
    load_vectors(initial.vectors);
    dbt_run(d);
    save_vectors(end->vectors);
    load_vectors(own);
    dbt_set_recording(d, 0, NULL);
    memcpy(end->gpr, d->cpu.v.gpr, sizeof end->gpr);
    copy_window(end->memory, NULL);
    if (!take_end(code, end))
        snprintf(problem, sizeof problem, "ended at 0x%lx: %s", (unsigned long)d->cpu.v.rip,
                 d->cpu.stop_text ? d->cpu.stop_text : "?");
    check_writes(end);
    return problem[0] ? problem : NULL;
}

/* ---- the machine ---- */

static void *map(size_t bytes, int protection)
{
    void *p = mmap(NULL, bytes, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED) {
        perror("differential: mmap");
        exit(2);
    }
    return p;
}

static void map_recorder(void)
{
    const int rw = PROT_READ | PROT_WRITE;
    void *memory = map(DICTIONARY_BYTES, rw);
    dictionary_init(&dictionary, memory, DICTIONARY_BYTES);
    d->recorder.blocks_max = dictionary.block_max;
    d->recorder.accesses_max = dictionary.access_max;
    uint8_t *budget = mmap(NULL, GUARD_BYTES + BUDGET_BYTES, PROT_NONE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_32BIT, -1, 0);
    mprotect(budget + GUARD_BYTES, BUDGET_BYTES, PROT_READ);
    host.budget_base = (uint32_t)(uintptr_t)(budget + GUARD_BYTES);
    host.budget_bytes = BUDGET_BYTES;
    /* At a multiple of 64 KiB, and nothing behind. */
    records = map(SEGMENT_BYTES + 2 * GUARD_BYTES, PROT_NONE);
    records += -(uintptr_t)records % GUARD_BYTES;
    mprotect(records, SEGMENT_BYTES, rw);
}

void translated_init(void)
{
    const int rw = PROT_READ | PROT_WRITE;
    d = map(sizeof *d, rw);
    d->ram = map(RAM_BYTES, rw);
    d->ram_bytes = RAM_BYTES;
    d->page_flags = map(RAM_BYTES >> PAGE_SHIFT, rw);
    d->page_blocks = map((RAM_BYTES >> PAGE_SHIFT) * sizeof(void *), rw);
    d->host = &host;
    d->block_max = 4096;
    d->insn_max = d->exit_max = 65536;
    d->blocks = map(d->block_max * sizeof *d->blocks, rw);
    d->insns = map(d->insn_max * sizeof *d->insns, rw);
    d->exits = map(d->exit_max * sizeof *d->exits, rw);
    map_recorder();
    d->cpu.physical_bits = 40;
    d->cpu.cr4_allowed = ~(CR4_VMXE | CR4_PKE | CR4_CET) & 0xffffffff;
    d->cpu.xcr0_allowed = xstate_mask;
    d->cpu.cpuid = machine_cpuid;
    d->cpu.read_msr = no_msr;
    d->cpu.write_msr = no_msr_write;
    d->cpu.read_tsc = machine_tsc;
    syscall(SYS_arch_prctl, ARCH_SET_GS, (unsigned long)(uintptr_t)d);
    dbt_init(d, map(CODE_CACHE_BYTES, rw | PROT_EXEC), CODE_CACHE_BYTES);
}
