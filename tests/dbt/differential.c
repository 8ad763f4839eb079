/*
 * Random instruction sequences, translated against the real CPU.
 *
 *     differential [cases=FILE] [COUNT [SEED]]
 *     differential export=FILE [COUNT [SEED]]     sequences for guest/sequences.asm
 *
 * Each sequence runs twice from the same registers, flags, vector and x87 state and
 * memory: directly on the CPU (native.c) and translated (translated.c). Both must end
 * the same, by the same exception if there is one, and the recorded accesses must
 * explain the translated run. A failure is reduced to the fewest items that still
 * differ and printed as a case: a line that cases= runs again, before anything else.
 *
 *     WORLD STATE-SEED OFFSET CODE     "64 paging user r w budget=7", a number, where
 *                                      the code lies, and its bytes
 */
#include "maker.h"

#include "dbt/dbt.h"
#include "x86/cpu.h"
#include "x86/exceptions.h"

#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>

#define HWCAP2_FSGSBASE 2u
#define FLAGS_COMPARED (ARITHMETIC_FLAGS | RFLAGS_DF | RFLAGS_NT | RFLAGS_AC | RFLAGS_ID)
#define FAILURES_MAX 10u
#define NOT_TRANSLATED "the DBT engine has no translation for "

struct world world;
struct state initial;
static struct state native_end, native_again, translated_end;
static struct code code;
static uint64_t not_translated;

/* ---- the state to begin with ---- */

/* Floating-point numbers that are neither tiny nor huge, now and then. */
static uint64_t vector_value(uint64_t *s)
{
    uint64_t r = random_next(s);
    switch (r % 6) {
    case 0:
        return (r >> 8 & 0xff) * 0x0000010000000000ull + 0x3fe0000000000000ull;
    case 1:
        return 0x3f8000003f000000ull + (r >> 8 & 0xff) * 0x0001000000010000ull;
    default:
        return random_value(s);
    }
}

/* x87 registers: numbers of all kinds. */
static void make_x87(uint8_t *v, uint64_t *s)
{
    uint16_t control = (uint16_t)(0x37f ^ (random_next(s) & 0xc00)),
             status = (uint16_t)(random_next(s) & 0x7f00);
    if (random_next(s) % 4 == 0)
        control = (uint16_t)((control & ~0x300u) | (random_next(s) & 0x200));
    if (random_next(s) % 8 == 0)
        control &= (uint16_t) ~(random_next(s) & 0x3f);
    memcpy(v, &control, 2);
    memcpy(v + 2, &status, 2);
    v[4] = random_next(s) % 2 ? 0xff : (uint8_t)random_next(s);
    for (unsigned k = 0; k < 8; k++) {
        uint64_t mantissa = random_value(s) | (random_next(s) % 8 ? 1ull << 63 : 0);
        uint16_t exponent =
            (uint16_t)(random_next(s) % 4 ? 0x3ff0 + random_next(s) % 32 : random_next(s) & 0xffff);
        memcpy(v + 32 + 16 * k, &mantissa, 8);
        memcpy(v + 40 + 16 * k, &exponent, 2);
    }
}

static void make_vectors(uint64_t *s)
{
    uint8_t *v = initial.vectors;
    uint32_t mxcsr = 0x1f80 ^ ((uint32_t)random_next(s) & 0xe040 & -(uint32_t)(random_next(s) % 2));
    uint64_t components = xstate_mask;
    if (random_next(s) % 16 == 0)
        mxcsr &= ~((uint32_t)random_next(s) & 0x1f80);
    memset(v, 0, XSTATE_BYTES);
    for (unsigned k = 160; k < XSTATE_BYTES; k += 8) {
        uint64_t value = k < 416 || k >= 576 ? vector_value(s) : 0;
        memcpy(v + k, &value, 8);
    }
    make_x87(v, s);
    memcpy(v + 24, &mxcsr, 4);
    memcpy(v + 512, &components, 8);
}

static void make_tables(uint64_t *s)
{
    uint8_t *tables = initial.memory + (INDEX_TABLE_AT - WINDOW_AT);
    for (unsigned k = 0; k < 128; k++) {
        int32_t narrow = (int32_t)(random_next(s) % 120) - 60;
        memcpy(tables + 4 * k, &narrow, 4);
        if (k < 64) {
            int64_t wide = (int64_t)(random_next(s) % 120) - 60;
            memcpy(tables + 512 + 8 * k, &wide, 8);
        }
    }
    for (unsigned k = 0; k < COUNTERS; k++)
        memcpy(initial.memory + (COUNTERS_AT - WINDOW_AT) + 4 * k, &(uint32_t){1}, 4);
    uint8_t *image = initial.memory + (STATE_IMAGE_AT - WINDOW_AT);
    load_vectors(initial.vectors);
    if (random_next(s) % 2 || !save_vectors_compacted(image))
        save_vectors(image);
}

static void make_initial(uint64_t *s)
{
    static uint8_t own[XSTATE_BYTES] __attribute__((aligned(64)));
    for (unsigned r = 0; r < GPR_COUNT; r++)
        initial.gpr[r] = world.size == CODE_64 ? random_value(s) : r < R8 ? (uint32_t)random_value(s) : 0;
    initial.gpr[RSP] = STACK_AT - (world.size == CODE_64 ? 0 : world_segment[SEG_SS].base);
    initial.rflags = (random_next(s) & (ARITHMETIC_FLAGS | RFLAGS_DF)) | RFLAGS_ONE | RFLAGS_IF;
    memset(initial.memory, 0, sizeof initial.memory);
    for (unsigned k = 0; k < DATA_BYTES; k += 8) {
        uint64_t v = k & 0x400 ? vector_value(s) : random_value(s);
        memcpy(initial.memory + (DATA_AT - WINDOW_AT) + k, &v, 8);
    }
    memset(initial.memory + (READ_ONLY_AT - WINDOW_AT), 0x5a, PAGE_SIZE);
    make_vectors(s);
    save_vectors(own);
    make_tables(s);
    load_vectors(own);
}

/* ---- comparison ---- */

static bool print_differences;

static void __attribute__((format(printf, 1, 2))) say(const char *format, ...)
{
    va_list args;
    if (!print_differences)
        return;
    va_start(args, format);
    printf("    ");
    vprintf(format, args);
    printf("\n");
    va_end(args);
}

/* Of the state image: what programs can see. The x87 pointers are where each ran, in the CPU. */
static bool vectors_differ(const struct state *a, const struct state *b)
{
    static const struct {
        unsigned from, to;
        const char *name;
    } parts[] = {{0, 6, "x87 control, status, tags"},
                 {24, 28, "MXCSR"},
                 {32, 160, "ST and MM"},
                 {160, 416, "XMM"},
                 {576, 2432, "YMM, k, ZMM"}};
    bool bad = false;
    unsigned end = xstate_mask & 0xe0 ? 2432 : 832;
    for (unsigned i = 0; i < sizeof parts / sizeof parts[0]; i++)
        for (unsigned k = parts[i].from; k < parts[i].to && k < end; k++)
            if (a->vectors[k] != b->vectors[k]) {
                bad = true;
                say("%s at %u: expected %02x, got %02x", parts[i].name, k - parts[i].from, a->vectors[k],
                    b->vectors[k]);
                break;
            }
    return bad;
}

static bool decode_at(uint64_t rip, struct decoded *d)
{
    uint64_t at = rip + (world.size == CODE_16 ? world_segment[SEG_CS].base : 0) - WINDOW_AT - code.start;
    return at < code.length && decode(d, code.bytes + at, code.length - (unsigned)at);
}

static bool is_of_memory(uint8_t vector)
{
    return vector == VECTOR_PF || vector == VECTOR_GP || vector == VECTOR_SS || vector == VECTOR_AC;
}

/* Which byte of a state image or of MASKMOVx faults first, on its pages or behind its segment's limit, and
 * which of CMPS's operands, is a CPU's own choice. */
static bool may_choose_fault(const struct state *s)
{
    struct decoded d;
    if (!decode_at(s->rip, &d))
        return false;
    if (d.z.opcode_map == ZYDIS_OPCODE_MAP_DEFAULT && (d.z.opcode == 0xa6 || d.z.opcode == 0xa7))
        return is_of_memory(s->vector);
    if (s->vector != VECTOR_PF)
        return false;
    if (d.z.opcode_map == ZYDIS_OPCODE_MAP_0F && d.z.opcode == 0xf7)
        return true;
    for (unsigned i = 0; i < d.z.operand_count; i++)
        if (d.op[i].type == ZYDIS_OPERAND_TYPE_MEMORY &&
            d.op[i].size > (d.z.meta.category == ZYDIS_CATEGORY_X87_ALU ? 80 : 512))
            return true;
    return false;
}

/* MASKMOVx that writes nothing may fault all the same, by its segment as well (SDM Vol. 2B). */
static bool fault_is_optional(const struct state *a, const struct state *b)
{
    struct decoded d;
    return is_of_memory(a->vector) && (b->vector != a->vector || b->rip != a->rip) && decode_at(a->rip, &d) &&
           (d.z.mnemonic == ZYDIS_MNEMONIC_MASKMOVQ || d.z.mnemonic == ZYDIS_MNEMONIC_MASKMOVDQU ||
            d.z.mnemonic == ZYDIS_MNEMONIC_VMASKMOVDQU);
}

/* Whether an operand of 16 bytes or more that need not be aligned raises #AC is a CPU's own choice (SDM Vol.
 * 3A, 6.15): AMD's do for all but stores that compress. */
static bool alignment_is_optional(const struct state *b)
{
    struct decoded d;
    return b->vector == VECTOR_AC && decode_at(b->rip, &d) && d.z.meta.category == ZYDIS_CATEGORY_COMPRESS;
}

/* A state image at 16-bit addresses that goes on behind 64 KiB: AMD's CPUs continue at the segment's start
 * there, the engine behind it (docs/engines.md, quirks). */
static bool wraps_image(const struct state *s)
{
    struct decoded d;
    return s->vector == VECTOR_PF && decode_at(s->rip, &d) && d.z.address_width == 16 &&
           (d.z.meta.category == ZYDIS_CATEGORY_XSAVE || d.z.meta.category == ZYDIS_CATEGORY_XSAVEOPT);
}

/* Without paging the translated machine has memory, or ones to read, where the process has none. */
static bool is_of_this_process(const struct state *s)
{
    return s->vector == VECTOR_PF && !world.paging;
}

static bool ends_differ(const struct state *a, const struct state *b)
{
    /* The operand of an instruction that the CPU does not know can fault before that is found out. */
    bool unknown = a->vector == VECTOR_UD && is_of_memory(b->vector);
    if (a->rip == b->rip && (unknown || (may_choose_fault(a) && is_of_memory(b->vector))))
        return false;
    if (a->vector != b->vector || a->rip != b->rip) {
        say("exception: expected %d at 0x%lx (address 0x%lx), got %d at 0x%lx", (int8_t)a->vector,
            (unsigned long)a->rip, (unsigned long)a->address, (int8_t)b->vector, (unsigned long)b->rip);
        return true;
    }
    if (a->vector == VECTOR_NONE || (a->error == b->error && a->address == b->address))
        return false;
    say("error code: expected %x (address 0x%lx), got %x (0x%lx)", a->error, (unsigned long)a->address,
        b->error, (unsigned long)b->address);
    return true;
}

/* An alignment check on the way to where the undefined flags of decimal arithmetic are cleared shows them. */
static uint64_t flags_compared(const struct state *s)
{
    struct decoded d;
    bool clears = s->vector == VECTOR_AC && decode_at(s->rip, &d) &&
                  (d.z.meta.category == ZYDIS_CATEGORY_PUSH || d.z.mnemonic == ZYDIS_MNEMONIC_AND);
    return clears ? FLAGS_COMPARED & ~(uint64_t)ARITHMETIC_FLAGS : FLAGS_COMPARED;
}

static bool registers_differ(const struct state *a, const struct state *b)
{
    const uint64_t flags = flags_compared(a);
    bool bad = false;
    for (unsigned r = 0; r < (world.size == CODE_64 ? GPR_COUNT : R8); r++) {
        uint64_t mask = world.size == CODE_64 ? ~0ull : 0xffffffff;
        uint64_t x = a->gpr[r] & mask, y = b->gpr[r] & mask;
        if (x == y)
            continue;
        bad = true;
        say("register %u: expected %016lx, got %016lx", r, (unsigned long)x, (unsigned long)y);
    }
    if ((a->rflags ^ b->rflags) & flags) {
        bad = true;
        say("flags: expected %lx, got %lx", (unsigned long)(a->rflags & flags),
            (unsigned long)(b->rflags & flags));
    }
    return bad;
}

static bool memory_differs(const struct state *a, const struct state *b)
{
    if (same_memory(a->memory + CODE_BYTES, b->memory + CODE_BYTES, WINDOW_BYTES - CODE_BYTES) ||
        differ_in_use(a->memory, b->memory))
        return false;
    for (unsigned k = CODE_BYTES; k < WINDOW_BYTES; k++)
        if (a->memory[k] != b->memory[k]) {
            say("memory at 0x%lx: expected %02x, got %02x", (unsigned long)(WINDOW_AT + k), a->memory[k],
                b->memory[k]);
            return true;
        }
    return false;
}

static bool states_differ(const struct state *a, const struct state *b)
{
    bool bad = ends_differ(a, b);
    if (a->vector != VECTOR_NONE)
        say("(ends in exception %u at 0x%lx)", a->vector, (unsigned long)a->rip);
    bad |= registers_differ(a, b);
    bad |= vectors_differ(a, b);
    return memory_differs(a, b) || bad;
}

/* ---- a run of both ---- */

enum outcome { SAME, DIFFERENT, LEFT_OUT };

static enum outcome run_both(void)
{
    if (!run_native(&code, &native_end) || (!world.user && native_end.vector != VECTOR_NONE) ||
        is_of_this_process(&native_end) || wraps_image(&native_end))
        return LEFT_OUT;
    const char *problem = run_translated(&code, &translated_end);
    if (problem && strstr(problem, NOT_TRANSLATED)) {
        not_translated++;
        if (getenv("NOT_TRANSLATED"))
            printf("%.150s\n", strstr(problem, NOT_TRANSLATED) + sizeof NOT_TRANSLATED - 1);
        return LEFT_OUT;
    }
    if (problem) {
        say("%s", problem);
        return DIFFERENT;
    }
    if (fault_is_optional(&native_end, &translated_end) || alignment_is_optional(&translated_end))
        return LEFT_OUT;
    if (!states_differ(&native_end, &translated_end))
        return SAME;
    /*
     * An interrupt of this process makes AMD's CPUs forget the x87 pointers where no exception is pending:
     * what the CPU itself does not repeat is no difference.
     */
    bool print = print_differences;
    print_differences = false;
    for (unsigned attempt = 0; attempt < 5; attempt++)
        if (run_native(&code, &native_again) && !states_differ(&native_again, &translated_end)) {
            print_differences = print;
            return SAME;
        }
    print_differences = print;
    return DIFFERENT;
}

/* ---- worlds ---- */

static void choose_world(uint64_t *s)
{
    uint64_t r = random_next(s);
    world = (struct world){.size = CODE_64, .reads = true, .writes = true};
    if (r % 8 < 2)
        world.size = CODE_32;
    else if (r % 8 == 2)
        world.size = CODE_16;
    if (world.size != CODE_64 && !native_has_16_bit_code())
        world.size = CODE_64;
    world.paging = r >> 3 & 3;
    world.user = r >> 5 & 3;
    /* Not on 16-bit stacks: an IRET to them leaves the upper half of ESP as the handler had it. */
    world.stepping = world.user && world.size != CODE_16 && (r >> 7) % 8 == 0;
    if ((r >> 10) % 4 == 0)
        world.reads = world.writes = false;
    else if ((r >> 10) % 4 == 1)
        world.reads = false;
    if ((r >> 12) % 4 == 0)
        world.budget = BLOCK_INSNS_MAX + (r >> 14) % 64; /* no less than the largest block */
    native_choose_segments();
}

static void print_case(uint64_t seed)
{
    printf("%s%s%s%s%s%s budget=%u %lu %u ",
           world.size == CODE_64   ? "64"
           : world.size == CODE_32 ? "32"
                                   : "16",
           world.paging ? " paging" : "", world.user ? " user" : "", world.stepping ? " stepping" : "",
           world.reads ? " r" : "", world.writes ? " w" : "", world.budget, (unsigned long)seed, code.start);
    for (unsigned i = 0; i < code.length; i++)
        printf("%02x", code.bytes[i]);
    printf("\n");
}

/* Words up to the budget, which ends the world. */
static bool parse_world(char **at)
{
    char *word;
    world = (struct world){.size = CODE_64};
    while ((word = strsep(at, " "))) {
        if (!strcmp(word, "64") || !strcmp(word, "32") || !strcmp(word, "16"))
            world.size = *word == '6' ? CODE_64 : *word == '3' ? CODE_32 : CODE_16;
        else if (!strcmp(word, "paging"))
            world.paging = true;
        else if (!strcmp(word, "user"))
            world.user = true;
        else if (!strcmp(word, "stepping"))
            world.stepping = true;
        else if (!strcmp(word, "r"))
            world.reads = true;
        else if (!strcmp(word, "w"))
            world.writes = true;
        else if (!strncmp(word, "budget=", 7)) {
            world.budget = (uint8_t)strtoul(word + 7, NULL, 0);
            return true;
        } else
            return false;
    }
    return false;
}

static void seed_state(uint64_t *s, uint64_t seed)
{
    *s = seed * 0x9e3779b97f4a7c15ull + 1;
    for (unsigned i = 0; i < 4; i++)
        random_next(s);
}

static bool parse_case(char *line, uint64_t *seed)
{
    char *at = line, *end;
    if (!parse_world(&at) || !at)
        return false;
    *seed = strtoull(at, &end, 0);
    code.start = code.entry = (uint32_t)strtoul(end, &end, 0);
    while (*end == ' ')
        end++;
    unsigned byte;
    for (code.length = 0; code.length < CODE_BYTES && sscanf(end, "%2x", &byte) == 1; end += 2)
        code.bytes[code.length++] = (uint8_t)byte;
    return code.length && code.start + code.length + 16 <= CODE_BYTES;
}

/* ---- failures ---- */

static bool lay_out(const struct sequence *s, uint32_t *start)
{
    return sequence_layout(s, &code, start);
}

static void reduce(struct sequence *s)
{
    uint32_t start[ITEMS_MAX + 1];
    for (unsigned i = 0; i < s->count;) {
        struct sequence before = *s;
        sequence_remove(s, i);
        if (s->count && lay_out(s, start) && run_both() == DIFFERENT)
            continue;
        *s = before;
        i++;
    }
    lay_out(s, start);
}

static void report(struct sequence *s, uint64_t seed, uint64_t state_seed)
{
    reduce(s);
    printf("FAILED: seed %lu, %u items:\n  ", (unsigned long)seed, s->count);
    print_case(state_seed);
    print_differences = true;
    if (run_both() != DIFFERENT)
        say("(not again)");
    print_differences = false;
    fflush(stdout);
}

/* Item that the CPU's exception lies in, by its linear address. */
static unsigned faulting_item(const struct sequence *s, const uint32_t *start)
{
    uint64_t at = native_end.rip + (world.size == CODE_16 ? world_segment[SEG_CS].base : 0) - WINDOW_AT;
    unsigned i = 0;
    while (i + 1 < s->count && start[i + 1] <= at)
        i++;
    return i;
}

/*
 * Takes out what the CPU faults on, until it runs to its end. At CPL 3 an exception may stay as the end, if
 * `keep`.
 */
static bool without_faults(struct sequence *s, bool keep)
{
    uint32_t start[ITEMS_MAX + 1];
    while (s->count && lay_out(s, start)) {
        if (!run_native(&code, &native_end))
            return false;
        if (native_end.vector == VECTOR_NONE || (keep && world.user && !is_of_this_process(&native_end)))
            return true;
        sequence_remove(s, faulting_item(s, start));
    }
    return false;
}

/* ---- all ---- */

static bool run_cases(const char *path)
{
    static char line[4 * CODE_BYTES];
    unsigned count = 0, failed = 0, left_out = 0;
    uint64_t seed, s;
    FILE *f = fopen(path, "r");
    if (!f) {
        perror(path);
        return false;
    }
    while (fgets(line, sizeof line, f)) {
        if (*line == '#' || *line == '\n')
            continue;
        if (!parse_case(line, &seed)) {
            printf("FAILED: no case: %s\n", line);
            failed++;
            continue;
        }
        count++;
        if (world.size != CODE_64 && !native_has_16_bit_code()) {
            left_out++;
            continue;
        }
        native_choose_segments();
        seed_state(&s, seed);
        make_initial(&s);
        print_differences = false;
        enum outcome o = run_both();
        left_out += o == LEFT_OUT;
        if (o != DIFFERENT)
            continue;
        failed++;
        printf("FAILED: case ");
        print_case(seed);
        print_differences = true;
        run_both();
    }
    fclose(f);
    print_differences = false;
    printf("%u cases, %u left out, %u failed\n", count, left_out, failed);
    return !failed;
}

static unsigned run_seeds(uint64_t count, uint64_t seed)
{
    uint64_t left_out = 0, items = 0, faults = 0, last = seed + count;
    unsigned failed = 0, once = 0;
    static struct sequence sequence;
    uint32_t start[ITEMS_MAX + 1];
    for (; seed < last && failed < FAILURES_MAX; seed++) {
        uint64_t s, state;
        seed_state(&s, seed);
        choose_world(&s);
        state = seed;
        generate(&sequence, &s);
        seed_state(&s, state);
        make_initial(&s);
        if (!without_faults(&sequence, random_next(&s) % 3 == 0) || !lay_out(&sequence, start)) {
            left_out++;
            continue;
        }
        faults += native_end.vector != VECTOR_NONE;
        enum outcome o = run_both();
        left_out += o == LEFT_OUT;
        items += sequence.count;
        if (o == DIFFERENT && run_both() != DIFFERENT) {
            once++; /* interrupts of this process show in the x87 state (above) */
        } else if (o == DIFFERENT) {
            failed++;
            report(&sequence, seed, state);
        }
    }
    printf("%lu sequences, %lu items, %lu ended in an exception, %lu left out, %lu not translated, %u "
           "differed once, %u failed\n",
           (unsigned long)count, (unsigned long)items, (unsigned long)faults, (unsigned long)left_out,
           (unsigned long)not_translated, once, failed);
    return failed;
}

/* ---- for a guest ---- */

/* As guest/sequences.asm reads it. */
struct record {
    uint32_t bytes, entry, start, length;
    uint64_t rflags, fs_base, gs_base, unused;
    uint64_t gpr[GPR_COUNT];
    uint8_t fx[512];
    uint8_t memory[WINDOW_BYTES - (DATA_AT - WINDOW_AT)];
};

/* The byte behind the code ends it, which is INT3 there. */
static void write_record(FILE *f)
{
    static const uint8_t padding[16];
    uint32_t rest = -code.length & 15u;
    struct record r = {.bytes = (uint32_t)sizeof r + code.length + rest,
                       .entry = code.entry,
                       .start = code.start,
                       .length = code.length,
                       .rflags = initial.rflags & ~RFLAGS_IF,
                       .fs_base = world_segment[SEG_FS].base,
                       .gs_base = world_segment[SEG_GS].base};
    memcpy(r.gpr, initial.gpr, sizeof r.gpr);
    memcpy(r.fx, initial.vectors, sizeof r.fx);
    memcpy(r.memory, initial.memory + (DATA_AT - WINDOW_AT), sizeof r.memory);
    fwrite(&r, sizeof r, 1, f);
    fwrite(code.bytes, code.length, 1, f);
    fwrite(padding, rest, 1, f);
}

/* What Bochs 3.0 carries out otherwise than CPUs do: LEAVE of 16 bits moves RSP by 8, and MOV from a segment
 * register with REX.R is #UD there (SDM Vol. 2A, 2.2.1.2: it is ignored). */
static bool bochs_differs(void)
{
    struct decoded d;
    for (unsigned at = 0; at < code.length; at += d.z.length) {
        if (!decode(&d, code.bytes + at, code.length - at))
            return true;
        bool frame = d.z.mnemonic == ZYDIS_MNEMONIC_LEAVE || d.z.mnemonic == ZYDIS_MNEMONIC_ENTER;
        bool from_segment = d.z.mnemonic == ZYDIS_MNEMONIC_MOV && d.z.opcode == 0x8c;
        bool repeats =
            d.z.attributes & (ZYDIS_ATTRIB_HAS_REP | ZYDIS_ATTRIB_HAS_REPE | ZYDIS_ATTRIB_HAS_REPNE);
        if ((repeats && d.z.address_width == 32) || (frame && d.z.operand_width == 16) ||
            (from_segment && d.z.raw.rex.R))
            return true;
    }
    return false;
}

/* 64-bit sequences of CPL 3, with and without an exception at the end. */
static bool export_seeds(const char *path, uint64_t count, uint64_t seed)
{
    static struct sequence sequence;
    static const uint8_t end[16];
    uint32_t start[ITEMS_MAX + 1];
    FILE *f = fopen(path, "wb");
    if (!f) {
        perror(path);
        return false;
    }
    world = (struct world){.size = CODE_64, .paging = true, .user = true, .reads = true, .writes = true};
    native_choose_segments();
    while (count) {
        uint64_t s;
        seed_state(&s, seed++);
        generate(&sequence, &s);
        make_initial(&s);
        if (!without_faults(&sequence, random_next(&s) % 3 == 0) || !lay_out(&sequence, start) ||
            bochs_differs())
            continue;
        write_record(f);
        count--;
    }
    fwrite(end, sizeof end, 1, f);
    return fclose(f) == 0;
}

/* The CPU's number and its own instructions must not change on the way. */
static void stay_on_this_cpu(void)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(sched_getcpu(), &set);
    sched_setaffinity(0, sizeof set, &set);
}

int main(int argc, char **argv)
{
    const char *cases = NULL, *export = NULL;
    if (argc > 1 && !strncmp(argv[1], "cases=", 6))
        cases = argv[1] + 6;
    else if (argc > 1 && !strncmp(argv[1], "export=", 7))
        export = argv[1] + 7;
    if (cases || export) {
        argc--;
        argv++;
    }
    if (!(getauxval(AT_HWCAP2) & HWCAP2_FSGSBASE)) {
        printf("no WRFSBASE: the CPU or the kernel lacks it\n");
        return 77;
    }
    stay_on_this_cpu();
    native_init();
    translated_init();
    if (!native_has_16_bit_code())
        printf("no LDT: 16- and 32-bit code is left out\n");
    if (!(xstate_mask & 0xe0))
        printf("no AVX-512: its instructions are left out\n");
    uint64_t count = argc > 1 ? strtoull(argv[1], NULL, 0) : 1000,
             seed = argc > 2 ? strtoull(argv[2], NULL, 0) : 1;
    if (export)
        return export_seeds(export, count, seed) ? 0 : 1;
    bool ok = !cases || run_cases(cases);
    return !run_seeds(count, seed) && ok ? 0 : 1;
}
