/*
 * Instructions whose operand in memory is made of elements that a mask selects
 * (decode/lanes.h). Elements in a row are carried by the bounce buffer, on which the
 * CPU executes the instruction itself; what it does not select is not touched. Of
 * gathers, scatters and MASKMOVx the C code does the work.
 */
#include "dbt/front.h"
#include "dbt/switch.h"
#include "dbt/vector.h"

#include "dbt/sys/sys.h"
#include "trace/access.h"
#include "x86/cpu.h"
#include "x86/exceptions.h"

struct lanes {
    struct insn insn;
    uint64_t selected;
    uint8_t indices[VECTOR_BYTES];
    bool store;
};

/* ---- the registers, as the decoder asks for them ---- */

static struct dbt *engine; /* for the callbacks */

static void read_register(unsigned number, bool mmx, uint8_t *bytes)
{
    if (mmx)
        mmx_read(engine, number, bytes);
    else
        vector_read(engine, number, bytes);
}

static uint64_t read_opmask(unsigned number)
{
    return opmask_read(engine, number);
}

static const struct insn_environment environment = {.vector_register = read_register, .opmask = read_opmask};

/* ---- elements ---- */

static uint64_t effective_address(const struct dbt *d, const struct insn *insn)
{
    const struct insn_address *a = &insn->memory[0].address;
    bool based = insn->code_size != CODE_64 || a->segment >= SEG_FS;
    uint64_t offset =
        insn_linear(insn, &insn->memory[0], &d->cpu.v) - (based ? d->cpu.v.seg[a->segment].base : 0);
    return insn->code_size == CODE_64 ? offset : (uint32_t)offset;
}

/* Of elements in a row the address of the first is an effective address, and the others follow it; those of
 * gathers and scatters are each one of its own, in the address size. */
static uint64_t element_offset(const struct dbt *d, const struct lanes *l, unsigned n)
{
    struct insn element = l->insn;
    int64_t distance = (int64_t)lanes_offset(&l->insn.lanes, l->indices, l->insn.memory[0].address.scale, n);
    if (l->insn.lanes.kind == LANES_INDEXED) {
        element.memory[0].address.displacement += distance;
        return effective_address(d, &element);
    }
    uint64_t offset = effective_address(d, &element) + (uint64_t)distance;
    return l->insn.code_size == CODE_64 ? offset : (uint32_t)offset;
}

/* The linear address of element n; false: segmentation forbids it. */
static bool element_place(struct dbt *d, const struct lanes *l, unsigned n, gva_t *linear)
{
    return sys_linear(&d->cpu, l->insn.memory[0].address.segment, element_offset(d, l, n),
                      l->insn.lanes.bytes, l->store, linear);
}

/* VMASKMOV, gathers and scatters raise no #AC (SDM Vol. 2A, 2.4.6 and 2.4.12). */
static unsigned alignment(const struct lanes *l)
{
    return l->insn.lanes.by != LANES_BY_OPMASK || l->insn.lanes.kind == LANES_INDEXED ? DBT_UNALIGNED : 0;
}

static bool read_element(struct dbt *d, const struct lanes *l, unsigned n, void *to)
{
    gva_t linear;
    return element_place(d, l, n, &linear) &&
           dbt_read(&d->cpu, linear, to, l->insn.lanes.bytes, DBT_READ | alignment(l), CAUSE_INSTRUCTION);
}

static bool write_element(struct dbt *d, const struct lanes *l, unsigned n, const void *from)
{
    gva_t linear;
    return element_place(d, l, n, &linear) &&
           dbt_write(&d->cpu, linear, from, l->insn.lanes.bytes, DBT_WRITE | alignment(l), CAUSE_INSTRUCTION);
}

static bool is_selected(const struct lanes *l, unsigned n)
{
    return l->selected >> n & 1;
}

/* What faults has written nothing. */
static bool all_are_writable(struct dbt *d, const struct lanes *l)
{
    for (unsigned n = 0; n < l->insn.lanes.elements; n++) {
        gva_t linear;
        if ((is_selected(l, n) || l->insn.lanes.all_checked) &&
            (!element_place(d, l, n, &linear) ||
             !sys_writable(&d->cpu, linear, l->insn.lanes.bytes, alignment(l))))
            return false;
    }
    return true;
}

static bool write_all(struct dbt *d, const struct lanes *l, const uint8_t *from)
{
    for (unsigned n = 0; n < l->insn.lanes.elements; n++)
        if (is_selected(l, n) && !write_element(d, l, n, from + (size_t)n * l->insn.lanes.bytes))
            return false;
    return true;
}

static void advance(struct dbt *d, const struct insn *insn)
{
    d->cpu.v.rip += insn->length;
    if (insn->code_size != CODE_64)
        d->cpu.v.rip = (uint32_t)d->cpu.v.rip;
}

/* ---- in a row ---- */

static bool execute_row(struct dbt *d, const struct lanes *l)
{
    uint8_t *buffer = d->bounce[0] + (insn_linear(&l->insn, &l->insn.memory[0], &d->cpu.v) & 63);
    uint64_t rip = d->cpu.v.rip;
    memset(d->bounce[0], 0, sizeof(d->bounce[0]));
    d->bounce_at[0] = (uint64_t)(uintptr_t)buffer;
    if (l->store && !all_are_writable(d, l))
        return false;
    for (unsigned n = 0; !l->store && n < l->insn.lanes.elements; n++)
        if (is_selected(l, n) && !read_element(d, l, n, buffer + (size_t)n * l->insn.lanes.bytes))
            return false;
    if (!slow_run_bounced(d))
        return false;
    uint64_t next = d->cpu.v.rip;
    d->cpu.v.rip = rip;
    if (l->store && !write_all(d, l, buffer))
        return false;
    d->cpu.v.rip = next;
    return true;
}

#define MASK_MOVE_ALIGNMENT 8u
/* MASKMOVQ and MASKMOVDQU: no operand that could be exchanged, and the bytes are the register's. */
static bool execute_mask_move(struct dbt *d, const struct lanes *l)
{
    uint8_t data[VECTOR_BYTES];
    read_register(l->insn.lanes.data, l->insn.lanes.by == LANES_BY_MMX_SIGNS, data);
    if (!sys_aligned(&d->cpu, insn_linear(&l->insn, &l->insn.memory[0], &d->cpu.v), MASK_MOVE_ALIGNMENT) ||
        !all_are_writable(d, l) || !write_all(d, l, data))
        return false;
    advance(d, &l->insn);
    return true;
}

/* ---- gathers and scatters ---- */

/* The mask shows what is still to be done: after a fault the instruction is resumed there. What is behind the
 * elements stays as it is then (of a vector as on AMD's processors). */
static void set_remaining_mask(struct dbt *d, const struct lanes *l, unsigned done)
{
    const struct insn_lanes *i = &l->insn.lanes;
    uint8_t mask[VECTOR_BYTES] = {0};
    if (i->by == LANES_BY_OPMASK) {
        opmask_write(d, i->mask, done < i->elements ? environment.opmask(i->mask) >> done << done : 0);
        return;
    }
    if (done < i->elements) {
        vector_read(d, i->mask, mask);
        memset(mask, 0, (size_t)done * i->bytes);
    }
    vector_write(d, i->mask, mask);
}

/* After a fault at an element, with breakpoints hit by those before it: these trap in its place, RF being set
 * (SDM Vol. 2, VGATHERDPS). True: so it is. */
static bool trap_first(struct dbt *d)
{
    if (d->cpu.stop || d->cpu.debug_traps == d->held_traps)
        return false;
    d->cpu.v.rflags |= RFLAGS_RF;
    d->cpu.delivered = true;
    return true;
}

/* Elements that are not selected keep their value; above the last one the register is cleared. */
static bool execute_gather(struct dbt *d, struct lanes *l)
{
    const struct insn_lanes *i = &l->insn.lanes;
    uint8_t data[VECTOR_BYTES], result[VECTOR_BYTES] = {0};
    unsigned done = 0;
    vector_read(d, i->data, data);
    memcpy(result, data, (size_t)i->elements * i->bytes);
    while (done < i->elements &&
           (!is_selected(l, done) || read_element(d, l, done, result + done * i->bytes)))
        done++;
    if (done < i->elements)
        memcpy(result + i->elements * i->bytes, data + i->elements * i->bytes,
               VECTOR_BYTES - (size_t)i->elements * i->bytes);
    vector_write(d, i->data, result);
    set_remaining_mask(d, l, done);
    if (done < i->elements)
        return trap_first(d);
    advance(d, &l->insn);
    return true;
}

static bool execute_scatter(struct dbt *d, struct lanes *l)
{
    const struct insn_lanes *i = &l->insn.lanes;
    uint8_t data[VECTOR_BYTES];
    unsigned done = 0;
    vector_read(d, i->data, data);
    while (done < i->elements && (!is_selected(l, done) || write_element(d, l, done, data + done * i->bytes)))
        done++;
    set_remaining_mask(d, l, done);
    if (done < i->elements)
        return trap_first(d);
    advance(d, &l->insn);
    return true;
}

/* ---- all ---- */

static bool is_mask_move(const struct guest_insn *g)
{
    return g->memory < 0;
}

/* Where nothing is selected the address does not matter. */
static bool check_alignment(struct dbt *d, const struct guest_insn *g, const struct lanes *l)
{
    unsigned bytes = g->op[g->memory].size / 8u;
    bool aligned = !(insn_linear(&l->insn, &l->insn.memory[0], &d->cpu.v) & (bytes - 1));
    return aligned || !l->selected || !front_wants_alignment(g) || dbt_raise_error(&d->cpu, VECTOR_GP, 0);
}

bool lanes_execute(struct dbt *d, const struct guest_insn *g)
{
    static struct lanes l;
    engine = d;
    if (front_waits(g) && x87_is_pending())
        return dbt_raise(&d->cpu, VECTOR_MF);
    if (!insn_decode(&l.insn, g->bytes, g->z.length, (enum code_size)(d->mode & MODE_CODE_SIZE)))
        return dbt_raise(&d->cpu, VECTOR_UD);
    l.store = l.insn.memory[0].flags & INSN_WRITE;
    l.selected = lanes_selected(&l.insn.lanes, &environment);
    if (l.insn.lanes.kind == LANES_INDEXED) {
        vector_read(d, l.insn.lanes.index, l.indices);
        return l.store ? execute_scatter(d, &l) : execute_gather(d, &l);
    }
    if (is_mask_move(g))
        return execute_mask_move(d, &l);
    return check_alignment(d, g, &l) && execute_row(d, &l);
}
