/*
 * Accesses that the inline path cannot make: over a page border, on pages with
 * code, outside RAM, in segments with a limit. The instruction is executed by the
 * host all the same, on a buffer in place of its operand:
 *
 *     what it reads   memory ─dbt_read()─► bounce[]
 *     itself          on bounce[]
 *     what it writes  bounce[] ─dbt_write()─► memory
 *
 * so nothing here knows what it does.
 */
#include "dbt/switch.h"

#include "decode/insn.h"
#include "x86/exceptions.h"

bool slow_fetch(struct dbt *d, uint64_t ip, uint8_t *bytes, size_t *available)
{
    gva_t at = (d->mode & MODE_CODE_SIZE) == CODE_64 ? ip : (uint32_t)(d->cpu.v.seg[SEG_CS].base + ip);
    size_t in_page = PAGE_SIZE - (at & (PAGE_SIZE - 1)),
           first = in_page < INSN_BYTES_MAX ? in_page : INSN_BYTES_MAX;
    gpa_t gpa;

    if (!dbt_translate(&d->cpu, at, DBT_FETCH, &gpa))
        return false;
    if (gpa >= d->ram_bytes)
        return dbt_stop_unsupported(&d->cpu, "code outside RAM");
    memcpy(bytes, d->ram + gpa, first);
    *available = first;
    struct insn insn;
    if (first == INSN_BYTES_MAX ||
        insn_decode(&insn, bytes, first, (enum code_size)(d->mode & MODE_CODE_SIZE)))
        return true;
    if (!dbt_translate(&d->cpu, at + first, DBT_FETCH, &gpa))
        return false;
    if (gpa >= d->ram_bytes)
        return dbt_stop_unsupported(&d->cpu, "code outside RAM");
    memcpy(bytes + first, d->ram + gpa, INSN_BYTES_MAX - first);
    *available = INSN_BYTES_MAX;
    return true;
}

/* Segmentation's limit checks (SDM Vol. 3A, 5.3), for 16- and 32-bit code. */
static bool check_limit(struct dbt *d, const struct insn *insn, const struct insn_memory *m, unsigned size)
{
    const struct segment *s = &d->cpu.v.seg[m->address.segment];
    if (insn->code_size == CODE_64)
        return true;
    uint64_t offset = (uint32_t)(insn_linear(insn, m, &d->cpu.v) - s->base), last = offset + size - 1;
    bool data = !(s->access & 8), down = data && (s->access & 4), writes = m->flags & INSN_WRITE;
    bool outside = down ? offset <= s->limit || last > (s->access & SEGMENT_DB ? 0xffffffffu : 0xffffu)
                        : last > s->limit;
    bool forbidden = (s->access & SEGMENT_UNUSABLE) || (writes && (!data || !(s->access & 2))) ||
                     (!writes && !data && !(s->access & 2));
    /* In real mode a segment may be written whatever its type says. */
    if (!(d->cpu.v.cr0 & 1))
        forbidden = false;
    if (!outside && !forbidden)
        return true;
    return dbt_raise_error(&d->cpu, m->address.segment == SEG_SS ? VECTOR_SS : VECTOR_GP, 0);
}

/* Which accesses are made on which buffer. */
struct plan {
    struct insn_access *read[BOUNCE_SLOTS], *write[BOUNCE_SLOTS];
    unsigned slots;
};

static struct insn_access *take(struct access_list *list, bool *taken, uint8_t kind, unsigned size,
                                const gva_t *at)
{
    for (unsigned i = 0; i < list->count; i++)
        if (!taken[i] && list->a[i].kind == kind && list->a[i].size == size &&
            (!at || list->a[i].linear == *at)) {
            taken[i] = true;
            return &list->a[i];
        }
    return NULL;
}

static bool make_plan(struct dbt *d, struct access_list *list, unsigned slots, struct plan *p)
{
    bool taken[ACCESS_LIST_MAX] = {false};
    p->slots = slots;
    for (unsigned s = 0; s < slots; s++) {
        unsigned size = d->bounce_bytes[s];
        p->read[s] = p->write[s] = NULL;
        if (d->bounce_access[s] & DBT_WRITE) {
            p->write[s] = take(list, taken, ACCESS_WRITE, size, NULL);
            if (!p->write[s])
                return false;
            p->read[s] = take(list, taken, ACCESS_READ, size, &p->write[s]->linear);
        } else {
            p->read[s] = take(list, taken, ACCESS_READ, size, NULL);
            if (!p->read[s])
                return false;
        }
    }
    for (unsigned i = 0; i < list->count; i++)
        if (!taken[i])
            return false;
    return !list->incomplete;
}

static bool check_writable(struct dbt *d, const struct insn_access *a)
{
    gpa_t gpa;
    gva_t last_page = (a->linear + a->size - 1) & PAGE_MASK;
    return dbt_translate(&d->cpu, a->linear, DBT_WRITE, &gpa) &&
           ((a->linear & PAGE_MASK) == last_page || dbt_translate(&d->cpu, last_page, DBT_WRITE, &gpa));
}

static bool load_buffers(struct dbt *d, const struct plan *p)
{
    for (unsigned s = 0; s < p->slots; s++) {
        if (p->write[s] && p->read[s] && !check_writable(d, p->write[s]))
            return false;
        if (p->read[s] && !dbt_read(&d->cpu, p->read[s]->linear, d->bounce[s], p->read[s]->size, DBT_READ,
                                    CAUSE_INSTRUCTION))
            return false;
    }
    for (unsigned s = 0; s < p->slots; s++)
        if (p->write[s] && !check_writable(d, p->write[s]))
            return false;
    return true;
}

static bool store_buffers(struct dbt *d, const struct plan *p)
{
    for (unsigned s = 0; s < p->slots; s++)
        if (p->write[s] && !dbt_write(&d->cpu, p->write[s]->linear, d->bounce[s], p->write[s]->size,
                                      DBT_WRITE, CAUSE_INSTRUCTION))
            return false;
    return true;
}

static bool run_on_buffers(struct dbt *d, const struct insn *insn, const struct block *b,
                           const struct plan *p)
{
    uint64_t rip = d->cpu.v.rip;
    struct vcpu before = d->cpu.v;
    if (!load_buffers(d, p))
        return false;
    if (insn->form == FORM_BIT_OFFSET) /* the buffer is where the bit is */
        d->cpu.v.gpr[insn->bit_register] &= 8u * insn->operand_bytes - 1;
    switch_enter(d, b->body);
    if (d->exits[d->exit_site].kind == DBT_EXIT_TRAP) {
        d->cpu.v = before;
        return dbt_raise(&d->cpu, (uint8_t)d->trap_vector);
    }
    if (insn->form == FORM_BIT_OFFSET)
        d->cpu.v.gpr[insn->bit_register] = before.gpr[insn->bit_register];
    uint64_t next = d->cpu.v.rip;
    d->cpu.v.rip = rip;
    bool ok = store_buffers(d, p);
    d->cpu.v.rip = next;
    return ok;
}

bool slow_execute(struct dbt *d)
{
    uint8_t bytes[INSN_BYTES_MAX];
    size_t available;
    struct insn insn;
    static struct access_list list;
    struct plan plan;
    struct emit e = d->e;
    uint32_t blocks = d->block_count, insns = d->insn_count, exits = d->exit_count;

    d->counters.bounces++;
    if (!slow_fetch(d, d->cpu.v.rip, bytes, &available))
        return false;
    if (!insn_decode(&insn, bytes, available, (enum code_size)(d->mode & MODE_CODE_SIZE)))
        return dbt_raise(&d->cpu, VECTOR_UD);
    for (unsigned i = 0; i < insn.memory_count; i++) {
        const struct insn_memory *m = &insn.memory[i];
        /* Flat segments are not checked: an access that wraps at 4 GiB need not fault (SDM Vol. 3A, 5.3). */
        bool writes_code = m->address.segment == SEG_CS && m->flags & INSN_WRITE;
        if ((d->mode & MODE_LIMITED(m->address.segment) || writes_code) && !check_limit(d, &insn, m, m->size))
            return false;
    }
    insn_accesses(&insn, &d->cpu.v, NULL, &list);
    memset(d->bounce_bytes, 0, sizeof(d->bounce_bytes));
    struct block *b = translate_block(d, d->cpu.v.rip, true);
    if (!b)
        return false;
    unsigned slots = 0;
    while (slots < BOUNCE_SLOTS && d->bounce_bytes[slots])
        slots++;
    d->access_flags = (insn.locked ? ACCESS_LOCKED : 0) | (insn.rep ? ACCESS_REP : 0);
    bool ok = make_plan(d, &list, slots, &plan)
                  ? run_on_buffers(d, &insn, b, &plan)
                  : dbt_stop_unsupported(&d->cpu, "memory operand of a form the slow path does not know");
    d->access_flags = 0;
    d->e = e;
    d->block_count = blocks;
    d->insn_count = insns;
    d->exit_count = exits;
    return ok;
}
