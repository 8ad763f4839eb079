/*
 * Random instruction sequences, translated against the real CPU.
 *
 *     differential COUNT [SEED]
 *
 * Each sequence runs twice from the same registers, flags, vector registers and
 * memory: directly on the CPU, at its own address, and translated. Both must end
 * the same, and the recorded accesses must explain the translated run: every read
 * saw what the writes before it left, and all writes together are the difference
 * of memory. Instructions on which the CPU faults are taken out first. A failure is reduced
 * to the fewest instructions that still differ and printed with its seed.
 * By the seed modulo 3: 64-bit code without paging, with it (4-KiB pages, those of the data exchanged),
 * 32-bit code.
 */
#include "generate.h"

#include "dbt/front.h"
#include "dbt/switch.h"
#include "x86/cpu.h"
#include "x86/paging.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#define RAM_BYTES (4u << 20)
#define WINDOW_BYTES 0x14000u /* from CODE_AT on: code and data */
#define TABLES_AT 0x200000u
#define CODE_CACHE_BYTES (8u << 20)
#define BUDGET_BYTES (1u << 20)
#define SEGMENT_BYTES (1u << 20)
#define DICTIONARY_BYTES (1u << 20)
#define GUARD_BYTES 65536u
#define XSTATE_BYTES 4096u
#define ARCH_SET_GS 0x1001
#define LINUX_CS_64 0x33
#define LINUX_CS_32 0x23
#define STATUS_FLAGS (ARITHMETIC_FLAGS | RFLAGS_DF)

struct state {
    uint64_t gpr[GPR_COUNT], rflags;
    uint8_t vectors[XSTATE_BYTES] __attribute__((aligned(64)));
    uint8_t memory[WINDOW_BYTES];
};

/* GS points here in both runs. */
static struct machine_pair {
    struct dbt d;
    uint64_t native_gpr[GPR_COUNT], native_flags, host_rsp, faulted;
    struct {
        uint32_t offset;
        uint16_t selector;
    } __attribute__((packed)) far_code; /* CS of 64- and 32-bit code */
} * m;

static struct state initial, native_end, dbt_end;
static uint8_t *const window = (uint8_t *)CODE_AT; /* the native run's memory */
static uint8_t *native_enter, *native_leave, *native_code, *native_code_end;
static uint8_t *model;
static bool model_failed;
static char model_text[200];
static struct sequence sequence;
static bool long_mode, paging;

/* ---- the native run ---- */

#define NATIVE(field) state_at(offsetof(struct machine_pair, field))
static struct operand native_gpr(unsigned r)
{
    return state_at(offsetof(struct machine_pair, native_gpr) + 8u * r);
}

static void make_native_switch(void)
{
    struct emit e = {.p = native_code, .end = native_code_end};
    static const host_reg saved[] = {RBX, RBP, R12, R13, R14, R15};
    native_enter = e.p;
    for (unsigned i = 0; i < 6; i++)
        emit_bytes(&e, (uint8_t[]){saved[i] & 8 ? 0x41 : 0x90, (uint8_t)(0x50 | (saved[i] & 7))}, 2);
    emit_store(&e, 8, RSP, NATIVE(host_rsp));
    emit_load(&e, 8, RAX, NATIVE(native_flags));
    emit8(&e, 0x50);
    emit8(&e, 0x9d);
    for (unsigned r = RAX; r < GPR_COUNT; r++)
        emit_load(&e, 8, (host_reg)r, native_gpr(r));
    emit_op_mem(&e, 0xff, 4, 5, NATIVE(far_code), false); /* JMP m16:32 */
    native_leave = e.p;
    for (unsigned r = RAX; r < GPR_COUNT; r++)
        emit_store(&e, 8, (host_reg)r, native_gpr(r));
    emit_load(&e, 8, RSP, NATIVE(host_rsp));
    emit8(&e, 0x9c);
    emit8(&e, 0x58);
    emit_store(&e, 8, RAX, NATIVE(native_flags));
    for (unsigned i = 6; i-- > 0;)
        emit_bytes(&e, (uint8_t[]){saved[i] & 8 ? 0x41 : 0x90, (uint8_t)(0x58 | (saved[i] & 7))}, 2);
    emit8(&e, 0xfc); /* CLD */
    emit8(&e, 0xc3);
}

static void save_vectors(uint8_t *to)
{
    memset(to, 0, XSTATE_BYTES);
    __asm__ volatile("xsave64 %0" : "+m"(*(uint8_t(*)[XSTATE_BYTES])to) : "a"(7), "d"(0) : "memory");
}
static void load_vectors(const uint8_t *from)
{
    __asm__ volatile("xrstor64 %0" : : "m"(*(const uint8_t(*)[XSTATE_BYTES])from), "a"(7), "d"(0) : "memory");
}

/* Jumps to the way out, by a JMP at the sequence's end. False: the CPU faulted. */
static bool run_native(size_t bytes)
{
    static uint8_t own[XSTATE_BYTES] __attribute__((aligned(64)));
    memcpy(window, initial.memory, WINDOW_BYTES);
    memcpy(window, sequence.code, bytes);
    struct emit e = {.p = window + bytes, .end = window + CODE_BYTES + 16};
    if (long_mode) {
        emit_jmp(&e, native_leave);
    } else {
        emit8(&e, 0xea); /* JMP ptr16:32 */
        emit32(&e, (uint32_t)(uintptr_t)native_leave);
        emit_bytes(&e, (uint8_t[]){LINUX_CS_64, 0}, 2);
    }
    m->far_code.offset = (uint32_t)CODE_AT;
    m->far_code.selector = long_mode ? LINUX_CS_64 : LINUX_CS_32;
    memcpy(m->native_gpr, initial.gpr, sizeof(initial.gpr));
    m->native_flags = initial.rflags;
    m->faulted = 0;
    save_vectors(own);
    load_vectors(initial.vectors);
    void (*enter)(void);
    memcpy(&enter, &native_enter, sizeof(enter));
    enter();
    save_vectors(native_end.vectors);
    load_vectors(own);
    memcpy(native_end.gpr, m->native_gpr, sizeof(native_end.gpr));
    native_end.rflags = m->native_flags & STATUS_FLAGS;
    memcpy(native_end.memory, window, WINDOW_BYTES);
    return !m->faulted;
}

static void on_exception(int number, siginfo_t *info, void *context)
{
    greg_t *r = ((ucontext_t *)context)->uc_mcontext.gregs;
    uint64_t rip = (uint64_t)r[REG_RIP], resume;
    if (rip >= CODE_AT && rip < CODE_AT + WINDOW_BYTES) {
        m->faulted = rip;
        r[REG_RIP] = (greg_t)(uintptr_t)native_leave;
        r[REG_CSGSFS] = (r[REG_CSGSFS] & ~0xffffll) | LINUX_CS_64;
        return;
    }
    uint64_t address = r[REG_TRAPNO] == 14 ? (uint64_t)(uintptr_t)info->si_addr : 0;
    if (dbt_trap(&m->d, rip, address, (uint64_t)r[REG_TRAPNO], &resume)) {
        r[REG_RIP] = (greg_t)resume;
        return;
    }
    fprintf(stderr, "signal %d at 0x%lx\n", number, (unsigned long)rip);
    abort();
}

/* ---- the translated run ---- */

/* Where a page lies physically: with paging the data's pages change places, so that neighbours are none. */
static uint64_t frame_of(uint64_t page)
{
    const uint64_t first = DATA_AT >> PAGE_SHIFT;
    return paging && page >= first && page < first + 3 ? first + (page - first + 2) % 3 : page;
}

static uint64_t physical(uint64_t at)
{
    return frame_of(at >> PAGE_SHIFT) << PAGE_SHIFT | (at & (PAGE_SIZE - 1));
}

static void copy_window(struct dbt *d, uint8_t *to, const uint8_t *from)
{
    for (uint64_t k = 0; k < WINDOW_BYTES; k += PAGE_SIZE) {
        uint8_t *ram = d->ram + physical(CODE_AT + k);
        if (from)
            memcpy(ram, from + k, PAGE_SIZE);
        else
            memcpy(to + k, ram, PAGE_SIZE);
    }
}

static bool place_is_right(const struct access *a)
{
    uint64_t last = a->gva + a->size - 1;
    bool crosses = (a->gva ^ last) >= PAGE_SIZE;
    return a->gpa == physical(a->gva) && crosses == !!(a->flags & ACCESS_CROSSES) &&
           (!crosses || a->gpa2 == (physical(last) & PAGE_MASK));
}

static bool explain(void *context, const struct access *a)
{
    (void)context;
    uint64_t at_byte = a->gva - CODE_AT;
    if (a->cause != CAUSE_INSTRUCTION || model_failed)
        return true;
    if (at_byte > WINDOW_BYTES - a->size || !place_is_right(a)) {
        model_failed = true;
        snprintf(model_text, sizeof(model_text), "access at 0x%lx (physical 0x%lx)", (unsigned long)a->gva,
                 (unsigned long)a->gpa);
    } else if (a->kind == ACCESS_WRITE) {
        memcpy(model + at_byte, a->data, a->size);
    } else if (memcmp(model + at_byte, a->data, a->size)) {
        model_failed = true;
        snprintf(model_text, sizeof(model_text),
                 "read of %u bytes at 0x%lx by 0x%lx has other data than memory", a->size,
                 (unsigned long)a->gva, (unsigned long)a->rip);
    }
    return true;
}

static uint8_t *segment;
static struct dictionary dictionary;

static void define(struct dbt *d)
{
    const struct recorder *r = &d->recorder;
    if (!dictionary_add_accesses(&dictionary, r->access, r->staged_accesses) ||
        !dictionary_add_blocks(&dictionary, r->block, r->staged_blocks)) {
        model_failed = true;
        snprintf(model_text, sizeof(model_text), "the dictionary refuses a block");
    }
}

static void end_segments(struct dbt *d, const struct raw_use *used)
{
    static const struct raw_sink sink = {.access = explain};
    uint32_t damaged;
    (void)d;
    if (!raw_read(&dictionary, segment, used->bytes, &sink, NULL, &damaged)) {
        model_failed = true;
        snprintf(model_text, sizeof(model_text), "records cannot be read at %u", damaged);
    }
}

static void next_segment(struct dbt *d, const struct raw_use *used)
{
    if (used)
        end_segments(d, used);
    d->recorder.start = segment;
    d->recorder.end = segment + SEGMENT_BYTES;
}

static void new_dictionary(struct dbt *d)
{
    dictionary.block_count = dictionary.access_count = 0;
    d->recorder.block_count = d->recorder.access_count = 0;
}

static uint64_t deadline(struct dbt *d)
{
    (void)d;
    return BUDGET_BYTES;
}
static bool yes(struct dbt *d)
{
    (void)d;
    return true;
}
static bool no(struct dbt *d)
{
    (void)d;
    return false;
}
static int no_interrupt(struct dbt *d)
{
    (void)d;
    return -1;
}
static struct dbt_host host = {.next_segment = next_segment,
                               .end_segments = end_segments,
                               .define = define,
                               .new_dictionary = new_dictionary,
                               .next_deadline = deadline,
                               .poll = yes,
                               .interrupt = no_interrupt,
                               .wait = no};

static void reset_cpu(struct dbt *d)
{
    struct vcpu *v = &d->cpu.v;
    memcpy(v->gpr, initial.gpr, sizeof(initial.gpr));
    v->rflags = initial.rflags & ~(uint64_t)RFLAGS_IF;
    v->rip = CODE_AT;
    v->cr0 = CR0_PE | CR0_ET | CR0_MP | CR0_NE | (paging ? CR0_PG : 0);
    v->cr3 = TABLES_AT;
    v->cr4 = CR4_PAE | CR4_OSFXSR | CR4_OSXSAVE | (1u << 10);
    v->efer = long_mode ? EFER_LME | EFER_LMA : 0;
    v->xcr0 = 7;
    for (unsigned s = 0; s <= SEG_GS; s++)
        v->seg[s] = (struct segment){.limit = 0xffffffff, .selector = 8, .access = 0xc093};
    v->seg[SEG_CS].access = long_mode ? 0xa09b : 0xc09b;
    d->cpu.stop = DBT_RUNS;
    d->cpu.halted = false;
    d->cpu.interrupt_shadow = d->cpu.shadow_is_mov_ss = false;
    d->quiet_block = false;
}

static void make_tables(struct dbt *d)
{
    const uint64_t flags = PTE_PRESENT | PTE_WRITABLE | PTE_ACCESSED | PTE_DIRTY;
    uint64_t *pml4 = (uint64_t *)(d->ram + TABLES_AT), *pdpt = pml4 + 512, *pd = pdpt + 512, *pt = pd + 512;
    pml4[0] = (TABLES_AT + 0x1000) | flags;
    pdpt[0] = (TABLES_AT + 0x2000) | flags;
    pd[0] = (TABLES_AT + 0x3000) | flags;
    for (uint64_t i = 0; i < 512; i++)
        pt[i] = frame_of(i) << PAGE_SHIFT | flags;
}

static void run_translated(size_t bytes)
{
    static uint8_t own[XSTATE_BYTES] __attribute__((aligned(64)));
    struct dbt *d = &m->d;
    copy_window(d, NULL, initial.memory);
    memcpy(d->ram + CODE_AT, sequence.code, bytes);
    d->ram[CODE_AT + bytes] = 0xf4; /* HLT */
    copy_window(d, model, NULL);
    make_tables(d);
    model_failed = false;
    reset_cpu(d);
    new_dictionary(d);
    dbt_forget_dictionary(d);
    dbt_set_recording(d, true, true, NULL);
    save_vectors(own);
    load_vectors(initial.vectors);
    dbt_run(d);
    save_vectors(dbt_end.vectors);
    load_vectors(own);
    dbt_set_recording(d, false, false, NULL);
    memcpy(dbt_end.gpr, d->cpu.v.gpr, sizeof(dbt_end.gpr));
    dbt_end.rflags = d->cpu.v.rflags & STATUS_FLAGS;
    copy_window(d, dbt_end.memory, NULL);
}

/* ---- comparison ---- */

static bool differs(bool print)
{
    bool bad = false;
    const struct dbt *d = &m->d;
    if (!d->cpu.halted) {
        bad = true;
        if (print)
            printf("  translated run ended: %s at 0x%lx\n", d->cpu.stop_text ? d->cpu.stop_text : "?",
                   (unsigned long)d->cpu.v.rip);
    }
    for (unsigned r = 0; r < GPR_COUNT; r++)
        if (native_end.gpr[r] != dbt_end.gpr[r]) {
            bad = true;
            if (print)
                printf("  register %u: expected %016lx, got %016lx\n", r, (unsigned long)native_end.gpr[r],
                       (unsigned long)dbt_end.gpr[r]);
        }
    if (native_end.rflags != dbt_end.rflags) {
        bad = true;
        if (print)
            printf("  flags: expected %lx, got %lx\n", (unsigned long)native_end.rflags,
                   (unsigned long)dbt_end.rflags);
    }
    /* MXCSR, MM, XMM, and the upper halves of YMM. */
    static const struct {
        unsigned from, to;
    } parts[] = {{24, 28}, {32, 160}, {160, 416}, {576, 832}};
    for (unsigned i = 0; i < ARRAY_SIZE(parts); i++)
        for (unsigned k = parts[i].from; k < parts[i].to; k++)
            if (native_end.vectors[k] != dbt_end.vectors[k]) {
                bad = true;
                if (print)
                    printf("  vector state at %u: expected %02x, got %02x\n", k, native_end.vectors[k],
                           dbt_end.vectors[k]);
                break;
            }
    for (unsigned k = CODE_BYTES + 64; k < WINDOW_BYTES; k++)
        if (native_end.memory[k] != dbt_end.memory[k]) {
            bad = true;
            if (print)
                printf("  memory at 0x%lx: expected %02x, got %02x\n", (unsigned long)(CODE_AT + k),
                       native_end.memory[k], dbt_end.memory[k]);
            break;
        }
    if (!model_failed && memcmp(model + CODE_BYTES, dbt_end.memory + CODE_BYTES, WINDOW_BYTES - CODE_BYTES)) {
        model_failed = true;
        snprintf(model_text, sizeof(model_text), "the recorded writes are not the difference of memory");
    }
    if (model_failed) {
        bad = true;
        if (print)
            printf("  records: %s\n", model_text);
    }
    return bad;
}

/* True if it fails; *faulted: the CPU did. */
static bool run_both(bool print, bool *faulted)
{
    *faulted = !run_native(sequence.bytes);
    if (*faulted)
        return false;
    run_translated(sequence.bytes);
    return differs(print);
}

static void remove_insn(struct sequence *s, unsigned i)
{
    unsigned n = s->start[i + 1] - s->start[i];
    memmove(s->code + s->start[i], s->code + s->start[i + 1], s->bytes - s->start[i + 1]);
    for (unsigned k = i; k < s->count; k++)
        s->start[k] = (uint16_t)(s->start[k + 1] - n);
    s->count--;
    s->bytes -= n;
}

/* Takes out what the CPU faults on, until it runs to its end. */
static bool without_faults(void)
{
    while (sequence.count && !run_native(sequence.bytes)) {
        unsigned i = 0;
        while (i + 1 < sequence.count && CODE_AT + sequence.start[i + 1] <= m->faulted)
            i++;
        remove_insn(&sequence, i);
    }
    return sequence.count > 0;
}

static void reduce_and_print(uint64_t seed)
{
    bool faulted;
    for (unsigned i = 0; i < sequence.count;) {
        struct sequence before = sequence;
        remove_insn(&sequence, i);
        if (!run_both(false, &faulted)) {
            sequence = before;
            i++;
        }
    }
    printf("FAILED: seed %lu, %s-bit code, paging %s, %u instructions:\n  ", (unsigned long)seed,
           long_mode ? "64" : "32", paging ? "on" : "off", sequence.count);
    for (size_t i = 0; i < sequence.bytes; i++)
        printf("%02x", sequence.code[i]);
    printf("\n");
    run_both(true, &faulted);
}

/* ---- */

static void make_initial(uint64_t *s)
{
    for (unsigned r = 0; r < GPR_COUNT; r++)
        initial.gpr[r] = long_mode ? random_value(s) : r < R8 ? (uint32_t)random_value(s) : 0;
    initial.gpr[RSP] = STACK_AT;
    initial.rflags = (random_next(s) & STATUS_FLAGS) | RFLAGS_ONE | RFLAGS_IF;
    for (unsigned k = 0; k < WINDOW_BYTES; k += 8) {
        uint64_t v = random_value(s);
        memcpy(initial.memory + k, &v, 8);
    }
    save_vectors(initial.vectors);
    for (unsigned k = 32; k < 416; k += 8) {
        uint64_t v = random_value(s);
        if (k < 160 && k % 16 == 0)
            memcpy(initial.vectors + k, &v, 8);
        if (k >= 160)
            memcpy(initial.vectors + k, &v, 8);
    }
    for (unsigned k = 576; k < 832; k += 8) {
        uint64_t v = random_value(s);
        memcpy(initial.vectors + k, &v, 8);
    }
    initial.vectors[512] = 7; /* XSTATE_BV */
}

static void *map(size_t bytes, int protection)
{
    void *p = mmap(NULL, bytes, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED) {
        perror("mmap");
        exit(2);
    }
    return p;
}

static void make_machine(void)
{
    const int rw = PROT_READ | PROT_WRITE;
    m = map(sizeof(*m), rw);
    struct dbt *d = &m->d;
    d->ram = map(RAM_BYTES, rw);
    d->ram_bytes = RAM_BYTES;
    d->page_flags = map(RAM_BYTES >> PAGE_SHIFT, rw);
    d->page_blocks = map((RAM_BYTES >> PAGE_SHIFT) * sizeof(void *), rw);
    d->host = &host;
    d->block_max = 4096;
    d->insn_max = d->exit_max = 65536;
    d->blocks = map(d->block_max * sizeof(*d->blocks), rw);
    d->insns = map(d->insn_max * sizeof(*d->insns), rw);
    d->exits = map(d->exit_max * sizeof(*d->exits), rw);
    void *dictionary_memory = map(DICTIONARY_BYTES, rw);
    dictionary_init(&dictionary, dictionary_memory, DICTIONARY_BYTES);
    d->recorder.blocks_max = dictionary.block_max;
    d->recorder.accesses_max = dictionary.access_max;
    uint8_t *budget = mmap(NULL, GUARD_BYTES + BUDGET_BYTES, PROT_NONE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_32BIT, -1, 0);
    mprotect(budget + GUARD_BYTES, BUDGET_BYTES, PROT_READ);
    host.budget_base = (uint32_t)(uintptr_t)(budget + GUARD_BYTES);
    host.budget_bytes = BUDGET_BYTES;
    /* At a multiple of 64 KiB, and nothing behind. */
    segment = map(SEGMENT_BYTES + 2 * GUARD_BYTES, PROT_NONE);
    segment += -(uintptr_t)segment % GUARD_BYTES;
    mprotect(segment, SEGMENT_BYTES, rw);
    d->cpu.physical_bits = 40;
    d->cpu.xcr0_allowed = 7;
    model = map(WINDOW_BYTES, rw);
    if (mmap(window, WINDOW_BYTES, rw | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1,
             0) != window) {
        perror("differential: the test's address range");
        exit(2);
    }
    /* Within reach of a 32-bit jump from the window. */
    native_code = mmap((void *)0x10000000, 8192, rw | PROT_EXEC,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    native_code_end = native_code + 8192;
    make_native_switch();
    stack_t stack = {.ss_size = 1 << 18, .ss_sp = map(1 << 18, rw)};
    sigaltstack(&stack, NULL);
    struct sigaction action = {.sa_sigaction = on_exception,
                               .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
    static const int signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP};
    for (unsigned i = 0; i < ARRAY_SIZE(signals); i++)
        sigaction(signals[i], &action, NULL);
    syscall(SYS_arch_prctl, ARCH_SET_GS, (unsigned long)(uintptr_t)m);
    dbt_init(d, map(CODE_CACHE_BYTES, rw | PROT_EXEC), CODE_CACHE_BYTES);
}

int main(int argc, char **argv)
{
    uint64_t count = argc > 1 ? strtoull(argv[1], NULL, 0) : 1000,
             seed = argc > 2 ? strtoull(argv[2], NULL, 0) : 1;
    uint64_t left_out = 0, instructions = 0, failed = 0, last = seed + count;
    make_machine();
    for (; seed < last && failed < 5; seed++) {
        uint64_t s = seed * 0x9e3779b97f4a7c15ull + 1;
        bool faulted;
        long_mode = seed % 3 != 2;
        paging = seed % 3 == 1;
        for (unsigned i = 0; i < 4; i++)
            random_next(&s);
        make_initial(&s);
        generate(&sequence, &s, 1 + (unsigned)(random_next(&s) % (SEQUENCE_MAX - 1)), long_mode);
        if (!without_faults()) {
            left_out++;
            continue;
        }
        if (run_both(false, &faulted)) {
            failed++;
            reduce_and_print(seed);
            fflush(stdout);
        }
        instructions += sequence.count;
    }
    printf("%lu sequences, %lu instructions, %lu sequences left out, %lu failed\n", (unsigned long)count,
           (unsigned long)instructions, (unsigned long)left_out, (unsigned long)failed);
    return failed ? 1 : 0;
}
