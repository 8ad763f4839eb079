/*
 * The code that is emitted for single guest instructions, as text.
 *
 *     pin PINS        PINS is tests/dbt/pins.asm, assembled
 *
 * Each instruction stands first in a block; behind it one that sets the flags anew
 * if the flags are dead, and a jump. Shown are the instruction's own code and the
 * ways out that it needs. Nothing of a run shows: what lies in struct dbt goes by its
 * name, jumps by labels, and every block is the first of a fresh cache.
 */
#include "dbt/host/disassemble.h"
#include "dbt/switch.h"
#include "x86/cpu.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define RAM_BYTES (1u << 20)
#define CODE_AT 0x10000u
#define CACHE_BYTES (1u << 20)
#define BLOCKS_MAX 64u
#define LABELS_MAX 32u

static const struct machine {
    const char *name;
    uint64_t mode;
    bool real;
} machines[] = {
    {"64-bit, paging", CODE_64 | MODE_PAGING, false},
    {"64-bit, paging, user", CODE_64 | MODE_PAGING | MODE_USER, false},
    {"32-bit, flat", CODE_32 | MODE_STACK32, false},
    {"32-bit, flat, paging", CODE_32 | MODE_STACK32 | MODE_PAGING, false},
    {"16-bit, no limits", CODE_16, false},
    {"16-bit, real mode", CODE_16 | 0x3fu * (MODE_BASED(0) | MODE_LIMITED(0)), true},
    {"32-bit, DS with base and limit", CODE_32 | MODE_STACK32 | MODE_BASED(SEG_DS) | MODE_LIMITED(SEG_DS),
     false},
};
static const struct {
    const char *name;
    uint64_t mode;
} records[] = {{"nothing", 0},
               {"writes", MODE_WRITES},
               {"reads and writes", MODE_RECORDS},
               {"reads and writes of ranges", MODE_RECORDS | MODE_RANGES},
               {"nothing, as the filter says, and counting", MODE_RECORDS | MODE_DROPPED}};
enum flags { DEAD, LIVE, HEAD, BLOCK, FLAGS };
static const char *const flags_text[] = {"flags dead", "flags live", "flags live", "a whole block"};

/* As pins.asm has it; the instruction's bytes follow. */
struct pin {
    uint8_t machine, records, flags, length;
};

static struct dbt *d;

static _Noreturn void fail(const char *text)
{
    fprintf(stderr, "pin: %s\n", text);
    exit(2);
}

static void *map(size_t bytes)
{
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        fail("no memory");
    return p;
}

static void make_engine(void)
{
    static const struct dbt_host host = {.budget_base = CODE_AT}; /* nothing is run */
    d = map(sizeof *d);
    d->ram = map(RAM_BYTES);
    d->ram_bytes = RAM_BYTES;
    d->page_flags = map(RAM_BYTES >> PAGE_SHIFT);
    d->page_blocks = map((RAM_BYTES >> PAGE_SHIFT) * sizeof(void *));
    d->host = &host;
    d->block_max = BLOCKS_MAX;
    d->insn_max = d->exit_max = 8 * BLOCKS_MAX;
    d->blocks = map(d->block_max * sizeof *d->blocks);
    d->insns = map(d->insn_max * sizeof *d->insns);
    d->exits = map(d->exit_max * sizeof *d->exits);
    dbt_init(d, map(CACHE_BYTES), CACHE_BYTES);
}

/* The translator takes the machine from d->mode; the rest of the processor only has to let it fetch. */
static void set_machine(const struct machine *m)
{
    struct vcpu *v = &d->cpu.v;
    v->cr0 = m->real ? 0 : CR0_PE;
    for (unsigned s = 0; s <= SEG_GS; s++)
        v->seg[s] = (struct segment){.limit = 0xffffffff, .access = 0xc093};
    if (m->mode & MODE_USER)
        v->seg[SEG_SS].access |= 3u << SEGMENT_DPL_SHIFT;
}

static const struct block *translate(const struct pin *p, const uint8_t *code)
{
    static const uint8_t sets_flags[] = {0x85, 0xc0},
                         jump[] = {0xeb, 0x00}; /* TEST eAX, eAX; JMP to the next */
    uint8_t *to = d->ram + CODE_AT;
    set_machine(&machines[p->machine]);
    d->mode = machines[p->machine].mode | records[p->records].mode;
    d->recorder = (struct recorder){.on = p->records > 0};
    cache_flush(d);
    memcpy(to, code, p->length);
    to += p->length;
    if (p->flags == DEAD) {
        memcpy(to, sets_flags, sizeof sets_flags);
        to += sizeof sets_flags;
    }
    memcpy(to, jump, sizeof jump);
    uint64_t ip = machines[p->machine].real ? CODE_AT & 0xffff : CODE_AT;
    if (machines[p->machine].real)
        d->cpu.v.seg[SEG_CS].base = CODE_AT - ip;
    return translate_block(d, ip, false);
}

/* ---- text ---- */

struct range {
    const uint8_t *start, *end;
};

/* `names` comes first: the two are cast into each other. */
struct listing {
    struct target_names names;
    const struct block *b;
    const uint8_t *next; /* where the next instruction's code begins */
    const uint8_t *label[LABELS_MAX];
    unsigned labels;
};

static unsigned label_at(const struct listing *l, const uint8_t *at)
{
    for (unsigned i = 0; i < l->labels; i++)
        if (l->label[i] == at)
            return i + 1;
    return 0;
}

static bool name_target(const struct target_names *names, uint64_t target, char *text, size_t size)
{
    const struct listing *l = (const struct listing *)names;
    const uint8_t *to = (const uint8_t *)(uintptr_t)target;
    unsigned label = label_at(l, to);
    if (label)
        snprintf(text, size, "L%u", label);
    else if (to == l->next)
        snprintf(text, size, "next");
    else if (to == d->leave)
        snprintf(text, size, "leave");
    else if (to == d->leave_indirect)
        snprintf(text, size, "leave_indirect");
    else
        fail("a jump to a place that has no name");
    return true;
}

static int by_address(const void *a, const void *b)
{
    const uint8_t *const *p = a, *const *q = b;
    return *p < *q ? -1 : *p > *q;
}

static void find_labels(struct listing *l, const struct range *r, unsigned ranges)
{
    for (unsigned k = 0; k < ranges; k++)
        for (const uint8_t *p = r[k].start; p < r[k].end;) {
            char text[DBT_PRINT_TEXT];
            const uint8_t *to = disassemble_target(p);
            bool inside = to >= l->b->indirect && to < l->b->indirect + l->b->code_bytes && to != l->next;
            if (inside && !label_at(l, to)) {
                if (l->labels == LABELS_MAX)
                    fail("too many labels");
                l->label[l->labels++] = to;
            }
            unsigned n = disassemble_host(p, NULL, text);
            p += n ? n : 1;
        }
    qsort(l->label, l->labels, sizeof l->label[0], by_address);
}

static void print_range(FILE *f, const struct listing *l, const char *heading, struct range r)
{
    unsigned instructions = 0;
    if (r.start == r.end)
        return;
    for (const uint8_t *p = r.start; p < r.end; instructions++) {
        char text[DBT_PRINT_TEXT];
        unsigned n = disassemble_host(p, NULL, text);
        p += n ? n : 1;
    }
    fprintf(f, "    %s: %u instructions, %u bytes\n", heading, instructions, (unsigned)(r.end - r.start));
    for (const uint8_t *p = r.start; p < r.end;) {
        char text[DBT_PRINT_TEXT], label[8] = "";
        unsigned n = disassemble_host(p, &l->names, text);
        if (label_at(l, p))
            snprintf(label, sizeof label, "L%u:", label_at(l, p));
        fprintf(f, "        %-4s %s\n", label, text);
        p += n ? n : 1;
    }
}

static char *code_text(const struct pin *p, const uint8_t *code)
{
    char *text;
    size_t size;
    FILE *f = open_memstream(&text, &size);
    const struct block *b = translate(p, code);
    if (!f || !b)
        fail(d->cpu.stop_text ? d->cpu.stop_text : "no block");
    const uint8_t *start = b->indirect, *stubs = start + b->stubs;
    bool whole = p->flags == BLOCK, head = whole || p->flags == HEAD;
    bool followed = !whole && b->insn_count > 1; /* by the jump, whose way out is the last */
    const uint8_t *next = followed ? start + b->insn[1].code : stubs;
    const struct exit_site *last = &d->exits[b->first_exit + b->exit_count - 1];
    struct listing l = {.names = {name_target}, .b = b, .next = followed ? next : NULL};
    struct range r[] = {{start, head ? b->code : start},
                        {b->code, head ? start + b->insn[0].code : b->code},
                        {start + b->insn[0].code, next},
                        {stubs, followed ? last->stub : start + b->code_bytes}};
    find_labels(&l, r, 4);
    print_range(f, &l, "entry of indirect branches", r[0]);
    print_range(f, &l, "head", r[1]);
    print_range(f, &l, "code", r[2]);
    print_range(f, &l, "ways out", r[3]);
    fclose(f);
    return text;
}

static void print_guest(const struct pin *p, const uint8_t *code)
{
    enum code_size size = (enum code_size)(machines[p->machine].mode & MODE_CODE_SIZE);
    printf("\n");
    for (unsigned done = 0, n; done < p->length; done += n) {
        char insn[DBT_PRINT_TEXT];
        n = disassemble_guest(code + done, p->length - done, CODE_AT + done, size, insn);
        if (n == 0)
            fail("pins.asm has what is no instruction");
        printf("%s%s", done ? "; " : "", insn);
    }
    printf("   (");
    for (unsigned i = 0; i < p->length; i++)
        printf("%02x", code[i]);
}

/* What is the same as with other records before is not said again. */
static void print_pin(const struct pin *p, const uint8_t *code)
{
    static struct pin before;
    static const uint8_t *code_before;
    static char *text_before;
    const struct machine *m = &machines[p->machine];
    char *text = code_text(p, code);
    bool same_insn = code_before && before.machine == p->machine && before.flags == p->flags &&
                     before.length == p->length && memcmp(code, code_before, p->length) == 0;

    if (!same_insn) {
        print_guest(p, code);
        printf("), %s, %s\n", m->name, flags_text[p->flags]);
    }
    bool same_text = same_insn && strcmp(text, text_before) == 0;
    printf("  recording %s%s\n%s", records[p->records].name, same_text ? ": the same" : "",
           same_text ? "" : text);
    free(text_before);
    text_before = text;
    before = *p;
    code_before = code;
}

static const uint8_t *read_pins(const char *path, size_t *bytes)
{
    FILE *f = fopen(path, "rb");
    static uint8_t pins[1u << 16];
    if (!f)
        fail("the file cannot be read");
    *bytes = fread(pins, 1, sizeof pins, f);
    fclose(f);
    return pins;
}

int main(int argc, char **argv)
{
    size_t bytes;
    if (argc != 2)
        fail("usage: pin PINS");
    const uint8_t *at = read_pins(argv[1], &bytes), *end = at + bytes;
    make_engine();
    printf("Code that the translator emits for single guest instructions: `make pin` writes this file anew.\n"
           "tests/dbt/pins.asm lists them, tests/dbt/pin.c says what is shown.\n");
    while ((size_t)(end - at) > sizeof(struct pin)) {
        struct pin p;
        memcpy(&p, at, sizeof p);
        at += sizeof p;
        if (p.length == 0)
            break;
        if (p.length > (size_t)(end - at) || p.machine >= ARRAY_SIZE(machines) ||
            p.records >= ARRAY_SIZE(records) || p.flags >= FLAGS)
            fail("the file is malformed");
        print_pin(&p, at);
        at += p.length;
    }
}
