/*
 * REP strings: as many iterations at once as stay on one page on each side, with
 * one record for all of them (RAW_RUN). Where a side needs more than a hit in the
 * TLB, the slow path executes one iteration.
 *
 * Registers are those after the iterations done, so a fault or an interrupt may
 * come between any two runs, and the instruction is resumed.
 */
#include "dbt/string.h"

#include "trace/bytes.h"

#include <string.h>

#define RUN_MAX (PAGE_SIZE)

static bool has_source(const struct string_form *f)
{
    return f->kind == STRING_MOVS || f->kind == STRING_LODS || f->kind == STRING_CMPS;
}
static bool has_destination(const struct string_form *f)
{
    return f->kind != STRING_LODS;
}
static bool writes_destination(const struct string_form *f)
{
    return f->kind == STRING_MOVS || f->kind == STRING_STOS;
}

/* One side of the run. */
struct side {
    gva_t at;
    uint8_t *host;
};

static uint64_t width_mask(const struct string_form *f)
{
    return f->width >= 8 ? ~0ull : (1ull << 8 * f->width) - 1;
}

static gva_t linear(const struct dbt *d, const struct string_form *f, unsigned segment, enum gpr r)
{
    uint64_t offset = d->cpu.v.gpr[r] & width_mask(f), base = d->cpu.v.seg[segment].base;
    if ((d->mode & MODE_CODE_SIZE) != CODE_64)
        return (uint32_t)(base + offset);
    return segment == SEG_FS || segment == SEG_GS ? base + offset : offset;
}

/* Elements from `at` on, in the direction of the run, that end within `span` bytes from 0 (a power of two).
 */
static uint64_t elements_within(const struct dbt *d, uint64_t at, unsigned bytes, uint64_t span)
{
    uint64_t offset = at & (span - 1);
    if (offset + bytes > span)
        return 0;
    return d->mode & MODE_DF ? offset / bytes + 1 : (span - offset) / bytes;
}

/* How many iterations this side allows at once. */
static uint64_t side_limit(const struct dbt *d, const struct string_form *f, unsigned segment, enum gpr r)
{
    uint64_t n = elements_within(d, linear(d, f, segment, r), f->bytes, PAGE_SIZE);
    if (d->mode & MODE_LIMITED(segment))
        return 0;
    if (f->width < 8) {
        uint64_t wrap = elements_within(d, d->cpu.v.gpr[r], f->bytes, 1ull << 8 * f->width);
        n = wrap < n ? wrap : n;
    }
    return n;
}

static bool look_up(const struct dbt *d, gva_t at, unsigned access, struct side *s)
{
    const struct tlb *tlb = &d->tlb[(d->mode & MODE_USER) != 0];
    unsigned i = at >> PAGE_SHIFT & (TLB_ENTRIES - 1);

    *s = (struct side){.at = at};
    if (at + (access & DBT_WRITE ? tlb->write : tlb->read)[i] >= PAGE_SIZE)
        return false;
    s->host = (uint8_t *)(uintptr_t)(tlb->host[i] + (at & (PAGE_SIZE - 1)));
    return true;
}

/* False: fault. A side that cannot be reached fast has no host address. */
static bool find_side(struct dbt *d, gva_t at, unsigned access, struct side *s)
{
    bool fast;
    struct raw_map map;

    if (look_up(d, at, access, s))
        return true;
    if (!tlb_fill(d, at, access, &fast, &map))
        return false;
    if (fast) {
        recorder_map(d, &map);
        look_up(d, at, access, s);
    }
    return true;
}

static int64_t step_of(const struct dbt *d, const struct string_form *f)
{
    return d->mode & MODE_DF ? -(int64_t)f->bytes : f->bytes;
}

/* ---- what it does ---- */

static uint64_t load_element(const uint8_t *p, unsigned bytes)
{
    uint64_t v = 0;
    switch (bytes) {
    case 1:
        return *p;
    case 2:
        return load16(p);
    case 4:
        return load32(p);
    default:
        v = load64(p);
        return v;
    }
}

static void store_element(uint8_t *p, uint64_t v, unsigned bytes)
{
    switch (bytes) {
    case 1:
        *p = (uint8_t)v;
        break;
    case 2:
        store16(p, (uint16_t)v);
        break;
    case 4:
        store32(p, (uint32_t)v);
        break;
    default:
        store64(p, v);
    }
}

/* The arithmetic flags of CMP a, b: the CPU's own. */
static uint64_t compare_flags(uint64_t a, uint64_t b, unsigned bytes)
{
    uint64_t flags;
    switch (bytes) {
    case 1:
        __asm__("cmpb %b2, %b1; pushfq; popq %0" : "=r"(flags) : "q"(a), "q"(b) : "cc", "memory");
        break;
    case 2:
        __asm__("cmpw %w2, %w1; pushfq; popq %0" : "=r"(flags) : "r"(a), "r"(b) : "cc", "memory");
        break;
    case 4:
        __asm__("cmpl %k2, %k1; pushfq; popq %0" : "=r"(flags) : "r"(a), "r"(b) : "cc", "memory");
        break;
    default:
        __asm__("cmpq %2, %1; pushfq; popq %0" : "=r"(flags) : "r"(a), "r"(b) : "cc", "memory");
    }
    return flags & ARITHMETIC_FLAGS;
}

/* SCAS and CMPS: how many of the `n` iterations are made; the last one's flags become the guest's. */
static uint64_t compare(struct dbt *d, const struct string_form *f, const struct side *from,
                        const struct side *to, uint64_t n)
{
    const int64_t step = step_of(d, f);
    const uint8_t *p = from->host, *q = to->host;
    uint64_t left = 0, right = 0, done = 0;
    bool go_on = true;
    for (; done < n && go_on; done++, q += step) {
        left = f->kind == STRING_CMPS ? load_element(p, f->bytes)
                                      : load_element((const uint8_t *)&d->cpu.v.gpr[RAX], f->bytes);
        right = load_element(q, f->bytes);
        go_on = (left == right) == (f->repeat == REPEAT_WHILE_EQUAL);
        if (f->kind == STRING_CMPS)
            p += step;
    }
    d->cpu.v.rflags = (d->cpu.v.rflags & ~(uint64_t)ARITHMETIC_FLAGS) | compare_flags(left, right, f->bytes);
    return done;
}

/* Element by element: the sides may overlap. */
static void move(const struct dbt *d, const struct string_form *f, const struct side *from,
                 const struct side *to, uint64_t n)
{
    const int64_t step = step_of(d, f);
    const uint8_t *p = from->host;
    uint8_t *q = to->host;
    if (step > 0 && (q + n * f->bytes <= p || p + n * f->bytes <= q)) {
        memcpy(q, p, n * f->bytes);
        return;
    }
    for (; n; n--, p += step, q += step)
        store_element(q, load_element(p, f->bytes), f->bytes);
}

static void fill(const struct dbt *d, const struct string_form *f, const struct side *to, uint64_t n)
{
    const int64_t step = step_of(d, f);
    uint8_t *q = to->host;
    for (; n; n--, q += step)
        store_element(q, d->cpu.v.gpr[RAX], f->bytes);
}

/* LODS: the last element stays. */
static void load_last(struct dbt *d, const struct string_form *f, const struct side *from, uint64_t n)
{
    const uint8_t *p = from->host + (int64_t)(n - 1) * step_of(d, f);
    if (f->bytes == 4)
        d->cpu.v.gpr[RAX] = load32(p);
    else
        memcpy(&d->cpu.v.gpr[RAX], p, f->bytes);
}

/* ---- its record ---- */

/* In the order of the iterations. */
static void copy_elements(const struct dbt *d, const struct string_form *f, uint8_t *to, const struct side *s,
                          uint64_t n)
{
    const int64_t step = step_of(d, f);
    const uint8_t *p = s->host;
    if (step > 0) {
        memcpy(to, p, n * f->bytes);
        return;
    }
    for (; n; n--, p += step, to += f->bytes)
        store_element(to, load_element(p, f->bytes), f->bytes);
}

struct recorded {
    const struct side *side[2];
    uint8_t what;
    unsigned sides;
};

static void add_side(struct recorded *r, const struct side *s, bool writes)
{
    if (writes)
        r->what |= r->sides ? RUN_B_WRITES : RUN_A_WRITES;
    if (r->sides)
        r->what |= RUN_HAS_B;
    r->side[r->sides++] = s;
}

static struct recorded recorded_sides(const struct dbt *d, const struct string_form *f,
                                      const struct side *from, const struct side *to)
{
    struct recorded r = {.what = d->mode & MODE_DF ? RUN_DESCENDS : 0};
    bool writes = writes_destination(f);
    if (has_source(f) && recorder_wants(d, ACCESS_READ))
        add_side(&r, from, false);
    if (has_destination(f) && recorder_wants(d, writes ? ACCESS_WRITE : ACCESS_READ))
        add_side(&r, to, writes);
    if (f->kind == STRING_STOS)
        r.what |= RUN_ONE;
    if (f->kind == STRING_CMPS && r.sides == 2)
        r.what |= RUN_B_DATA;
    return r;
}

/* As with blocks, pages decide here. */
static bool passes(const struct dbt *d, const struct side *s)
{
    if (d->mode & MODE_DROPPED)
        return false;
    return !(d->mode & MODE_RANGES) || filter_page(&d->recorder.filter, s->at, (uint64_t)(s->host - d->ram));
}

/* After the iterations: what a MOVS has read is what it has written, also where the sides overlap. */
static void record_run(struct dbt *d, const struct string_form *f, const struct side *from,
                       const struct side *to, uint64_t n)
{
    struct recorded r = recorded_sides(d, f, from, to);
    if (!r.sides)
        return;
    unsigned passing = 0;
    for (unsigned i = 0; i < r.sides; i++)
        passing += passes(d, r.side[i]);
    d->recorder.filtered += n * (r.sides - passing);
    if (passing == 0)
        return;
    const uint32_t array = (uint32_t)n * f->bytes;
    const uint32_t bytes = (r.what & RUN_ONE ? f->bytes : array) + (r.what & RUN_B_DATA ? array : 0);
    struct raw_run run = {.id = RAW_RUN,
                          .count = (uint32_t)n,
                          .size = f->bytes,
                          .what = r.what,
                          .context = dbt_context(d),
                          .rip = code_linear(d->mode, d->cpu.v.seg[SEG_CS].base, d->cpu.v.rip),
                          .icount = dbt_icount(d)};
    for (unsigned i = 0; i < r.sides; i++) {
        run.gva[i] = r.side[i]->at;
        run.gpa[i] = (uint64_t)(r.side[i]->host - d->ram);
    }
    uint8_t *record = recorder_claim(d, (uint32_t)sizeof(run) + raw_padded(bytes));
    memcpy(record, &run, sizeof(run));
    uint8_t *data = record + sizeof(run);
    if (r.what & RUN_ONE)
        memcpy(data, &d->cpu.v.gpr[RAX], f->bytes);
    else
        copy_elements(d, f, data, f->kind == STRING_MOVS || !has_source(f) ? to : from, n);
    if (r.what & RUN_B_DATA)
        copy_elements(d, f, data + array, to, n);
    d->recorder.events += n * passing;
}

/* ---- the instruction ---- */

static void advance(struct dbt *d, const struct string_form *f, enum gpr r, uint64_t by)
{
    uint64_t *reg = &d->cpu.v.gpr[r], value = *reg + by;
    if (f->width == 2)
        memcpy(reg, &value, 2);
    else
        *reg = f->width == 4 ? (uint32_t)value : value;
}

/* One run of up to `n` iterations, with both sides at hand. True: the condition ended the instruction. */
static bool run(struct dbt *d, const struct string_form *f, const struct side *from, const struct side *to,
                uint64_t n)
{
    bool compares = f->kind == STRING_CMPS || f->kind == STRING_SCAS;
    uint64_t done = n;
    if (compares)
        done = compare(d, f, from, to, n);
    else if (f->kind == STRING_MOVS)
        move(d, f, from, to, n);
    else if (f->kind == STRING_STOS)
        fill(d, f, to, n);
    else
        load_last(d, f, from, n);
    record_run(d, f, from, to, done);
    uint64_t by = done * (uint64_t)step_of(d, f);
    if (has_source(f))
        advance(d, f, RSI, by);
    if (has_destination(f))
        advance(d, f, RDI, by);
    advance(d, f, RCX, 0 - done);
    dbt_spend_iterations(d, done - 1);        /* and the last one with the instruction, or when it is left */
    bool equal = d->cpu.v.rflags & (1u << 6); /* ZF */
    return compares && equal != (f->repeat == REPEAT_WHILE_EQUAL);
}

/* What the walk for the second side sets is recorded behind the first side's access: the slow path does it
 * so. After that the TLB can be filled. */
static bool one_in_order(struct dbt *d, gva_t at, unsigned access)
{
    struct side ignored;
    return slow_execute(d) && find_side(d, at, access, &ignored);
}

/* False: fault. *complete: the instruction is over; else it is resumed. */
static bool some_iterations(struct dbt *d, const struct string_form *f, bool *complete)
{
    uint64_t n = d->cpu.v.gpr[RCX] & width_mask(f), limit = RUN_MAX;
    struct side from = {0}, to = {0};

    *complete = n == 0;
    if (*complete)
        return true;
    if (has_source(f))
        limit = side_limit(d, f, f->segment, RSI);
    if (has_destination(f)) {
        uint64_t more = side_limit(d, f, SEG_ES, RDI);
        limit = more < limit ? more : limit;
    }
    n = limit < n ? limit : n;
    /* Not beyond what the host waits for, and one only where an interrupt is held off for one. */
    uint64_t most = d->mode & MODE_STEP ? 1 : dbt_budget_left(d) + 1;
    n = most < n ? most : n;
    if (n == 0 || d->mode & (MODE_TF | MODE_ALIGNED))
        return slow_execute(d);
    if (has_source(f) && !find_side(d, linear(d, f, f->segment, RSI), DBT_READ, &from))
        return false;
    if (has_destination(f)) {
        gva_t at = linear(d, f, SEG_ES, RDI);
        unsigned access = writes_destination(f) ? DBT_WRITE : DBT_READ;
        if (has_source(f) && !look_up(d, at, access, &to) && !dbt_walk_is_silent(&d->cpu, at, access))
            return one_in_order(d, at, access);
        if (!find_side(d, at, access, &to))
            return false;
    }
    if ((has_source(f) && !from.host) || (has_destination(f) && !to.host))
        return slow_execute(d);
    d->counters.runs++;
    *complete = run(d, f, &from, &to, n) || (d->cpu.v.gpr[RCX] & width_mask(f)) == 0;
    return true;
}

bool string_execute(struct dbt *d, const struct string_form *f, uint64_t next, bool *complete)
{
    uint64_t ip = d->cpu.v.rip;
    if (!some_iterations(d, f, complete))
        return false;
    if (d->cpu.v.rip != ip) /* by the slow path */
        *complete = true;
    else if (*complete)
        d->cpu.v.rip = next;
    else
        dbt_spend_iterations(d, 1);
    return true;
}
