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
#include "dbt/front.h"
#include "dbt/switch.h"

#include "console.h"
#include "dbt/sys/sys.h"
#include "decode/insn.h"
#include "trace/access.h"
#include "x86/cpu.h"
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

bool slow_may_execute(const struct dbt *d, uint64_t ip)
{
    return (d->mode & MODE_CODE_SIZE) == CODE_64 ? sys_is_canonical(&d->cpu, ip)
                                                 : ip <= d->cpu.v.seg[SEG_CS].limit;
}

const struct guest_insn *slow_insn_here(struct dbt *d)
{
    static struct guest_insn g;
    uint8_t bytes[INSN_BYTES_MAX];
    size_t available = 0;
    bool known = slow_fetch(d, d->cpu.v.rip, bytes, &available) &&
                 front_decode(&g, bytes, available, d->cpu.v.rip, d->mode) == ZYDIS_DECODED;
    return known ? &g : NULL;
}

/* What segmentation says of the operands (SDM Vol. 3A, 5.3). In the forms that come here each operand is one
 * access of the list. */
static bool check_segments(struct dbt *d, const struct insn *insn, const struct access_list *list)
{
    for (unsigned i = 0; i < insn->memory_count && i < list->count; i++) {
        const struct insn_memory *m = &insn->memory[i];
        bool based = insn->code_size != CODE_64 || m->address.segment >= SEG_FS;
        /* Flat segments are not checked: an access that wraps at 4 GiB need not fault. */
        bool writes_code = m->address.segment == SEG_CS && m->flags & INSN_WRITE;
        if (insn->code_size != CODE_64 && !(d->mode & MODE_LIMITED(m->address.segment)) && !writes_code)
            continue;
        uint64_t offset = list->a[i].linear - (based ? d->cpu.v.seg[m->address.segment].base : 0);
        gva_t linear;
        if (insn->code_size != CODE_64)
            offset = (uint32_t)offset;
        if (!sys_linear(&d->cpu, m->address.segment, offset, m->size, m->flags & INSN_WRITE, &linear))
            return false;
    }
    return true;
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
    return sys_writable(&d->cpu, a->linear, a->size, DBT_WRITE);
}

/* Aligned as in memory: some instructions fault on operands that are not. */
static void place_buffers(struct dbt *d, const struct plan *p)
{
    for (unsigned s = 0; s < p->slots; s++) {
        gva_t linear = p->write[s] ? p->write[s]->linear : p->read[s]->linear;
        d->bounce_at[s] = (uint64_t)(uintptr_t)d->bounce[s] + (linear & 63);
    }
}

static uint8_t *buffer(struct dbt *d, unsigned slot)
{
    return (uint8_t *)(uintptr_t)d->bounce_at[slot];
}

static bool load_buffers(struct dbt *d, const struct plan *p)
{
    place_buffers(d, p);
    for (unsigned s = 0; s < p->slots; s++) {
        if (p->write[s] && p->read[s] && !check_writable(d, p->write[s]))
            return false;
        if (p->read[s] && !dbt_read(&d->cpu, p->read[s]->linear, buffer(d, s), p->read[s]->size, DBT_READ,
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
        if (p->write[s] && !dbt_write(&d->cpu, p->write[s]->linear, buffer(d, s), p->write[s]->size,
                                      DBT_WRITE, CAUSE_INSTRUCTION))
            return false;
    return true;
}

/* Only what is in memory brings it about: misaligned operands, values of MXCSR. */
static bool may_be_the_guests(struct dbt *d)
{
    const struct guest_insn *g = slow_insn_here(d);
    return g && g->memory >= 0;
}

static bool stop_at_exception(struct dbt *d)
{
    format_text(d->stop_line, sizeof(d->stop_line),
                "exception %u at 0x%lx (address 0x%lx) in translated code: an error of the translator",
                (unsigned)d->trap_vector, (unsigned long)d->trap_pc, (unsigned long)d->trap_address);
    return dbt_stop_unsupported(&d->cpu, d->stop_line);
}

bool raise_trap(struct dbt *d)
{
    switch (d->trap_vector) {
    case VECTOR_DE:
    case VECTOR_UD:
    case VECTOR_NM:
    case VECTOR_MF:
        return dbt_raise(&d->cpu, (uint8_t)d->trap_vector);
    case VECTOR_XM: /* SDM Vol. 3A, 2.5: CR4.OSXMMEXCPT */
        return dbt_raise(&d->cpu, d->cpu.v.cr4 & CR4_OSXMMEXCPT ? VECTOR_XM : VECTOR_UD);
    case VECTOR_GP:
        return may_be_the_guests(d) ? dbt_raise_error(&d->cpu, VECTOR_GP, 0) : stop_at_exception(d);
    default:
        return stop_at_exception(d);
    }
}

/* The block of the instruction at v.rip, on bounce buffers; what it took of the cache is given back by
 * drop_bounced(). */
struct bounced {
    struct block *block;
    struct emit e;
    uint32_t blocks, insns, exits;
};

static bool translate_bounced(struct dbt *d, struct bounced *b)
{
    *b =
        (struct bounced){.e = d->e, .blocks = d->block_count, .insns = d->insn_count, .exits = d->exit_count};
    memset(d->bounce_bytes, 0, sizeof(d->bounce_bytes));
    b->block = translate_block(d, d->cpu.v.rip, true);
    return b->block;
}

static void drop_bounced(struct dbt *d, const struct bounced *b)
{
    d->e = b->e;
    d->block_count = b->blocks;
    d->insn_count = b->insns;
    d->exit_count = b->exits;
}

/* Behind its last instruction. */
static uint64_t next_ip(const struct block *b)
{
    uint64_t ip = b->ip + b->guest_bytes;
    return (b->mode & MODE_CODE_SIZE) == CODE_64 ? ip : (uint32_t)ip;
}

static bool enter_bounced(struct dbt *d, const struct bounced *b)
{
    struct vcpu before = d->cpu.v;
    d->x87_status = 0;
    switch_enter(d, b->block->body);
    bool trapped = d->exits[d->exit_site].kind == DBT_EXIT_TRAP;
    if (!trapped && (d->cpu.v.rip == next_ip(b->block) || slow_may_execute(d, d->cpu.v.rip)))
        return true;
    d->cpu.v = before;
    return trapped ? raise_trap(d) : dbt_raise_error(&d->cpu, VECTOR_GP, 0);
}

bool slow_run_bounced(struct dbt *d)
{
    struct bounced b;
    bool ok = translate_bounced(d, &b) && enter_bounced(d, &b);
    drop_bounced(d, &b);
    return ok;
}

static bool run_on_buffers(struct dbt *d, const struct insn *insn, const struct bounced *b,
                           const struct plan *p)
{
    uint64_t rip = d->cpu.v.rip, bit = d->cpu.v.gpr[insn->bit_register];
    bool far_bit = insn->form == FORM_BIT_OFFSET; /* the buffer is where the bit is */
    if (!load_buffers(d, p))
        return false;
    if (far_bit)
        d->cpu.v.gpr[insn->bit_register] &= 8u * insn->operand_bytes - 1;
    bool ok = enter_bounced(d, b);
    if (far_bit)
        d->cpu.v.gpr[insn->bit_register] = bit;
    if (!ok)
        return false;
    uint64_t next = d->cpu.v.rip;
    d->cpu.v.rip = rip;
    ok = !x87_store_was_made(d) || store_buffers(d, p);
    d->cpu.v.rip = next;
    return ok;
}

static unsigned slots_used(const struct dbt *d)
{
    unsigned slots = 0;
    while (slots < BOUNCE_SLOTS && d->bounce_bytes[slots])
        slots++;
    return slots;
}

static bool plan_and_run(struct dbt *d, const struct insn *insn, struct access_list *list)
{
    struct plan plan;
    struct bounced b;
    bool ok = translate_bounced(d, &b);
    d->access_flags = (insn->locked ? ACCESS_LOCKED : 0) | (insn->rep ? ACCESS_REP : 0);
    if (ok)
        ok = make_plan(d, list, slots_used(d), &plan)
                 ? run_on_buffers(d, insn, &b, &plan)
                 : dbt_stop_unsupported(&d->cpu, "memory operand of a form the slow path does not know");
    d->access_flags = 0;
    drop_bounced(d, &b);
    return ok;
}

bool slow_execute(struct dbt *d)
{
    uint8_t bytes[INSN_BYTES_MAX];
    size_t available;
    struct insn insn;
    static struct access_list list;

    d->counters.bounces++;
    if (!slow_fetch(d, d->cpu.v.rip, bytes, &available))
        return false;
    if (!insn_decode(&insn, bytes, available, (enum code_size)(d->mode & MODE_CODE_SIZE)))
        return dbt_raise(&d->cpu, VECTOR_UD);
    insn_accesses(&insn, &d->cpu.v, NULL, &list);
    return check_segments(d, &insn, &list) && plan_and_run(d, &insn, &list);
}
