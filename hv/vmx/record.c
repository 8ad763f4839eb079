/* Where an access lies, and its way to the hook. */
#include "vmx/vmx.h"

#include "trace/bytes.h"
#include "trace/format.h"
#include "trace/hook.h"

#include <string.h>

static bool is_traced(struct location *p, gpa_t gpa)
{
    if (ept_is_traced(gpa))
        return true;
    if (ept_is_hidden(gpa))
        p->hidden = gpa;
    return false;
}

void location_set(struct location *p, gva_t linear, unsigned size, gpa_t low, gpa_t high)
{
    unsigned first = (unsigned)(PAGE_SIZE - (linear & ~PAGE_MASK));

    *p = (struct location){.linear = linear, .size = (uint8_t)size, .gpa = low};
    bool low_traced = is_traced(p, low);
    if (first >= size) {
        p->traced = low_traced;
        return;
    }
    bool high_traced = is_traced(p, high);
    p->traced = low_traced || high_traced;
    if (low_traced && high_traced) {
        p->crosses = true;
        p->gpa2 = high & PAGE_MASK;
    } else if (low_traced) {
        p->size = (uint8_t)first;
    } else {
        p->linear = linear + first;
        p->gpa = high;
        p->size = (uint8_t)(size - first);
    }
}

void location_find(struct location *p, const struct paging_state *s, gva_t linear, unsigned size)
{
    struct walk low, high = {0};
    gva_t border = (linear + size - 1) & PAGE_MASK;

    *p = (struct location){.linear = linear, .size = (uint8_t)size};
    if (!guest_walk(s, linear, &low))
        return;
    if (border != (linear & PAGE_MASK) && !guest_walk(s, border, &high))
        return;
    location_set(p, linear, size, low.gpa, high.gpa);
}

void location_read(const struct location *p, uint8_t *data)
{
    size_t first = p->crosses ? PAGE_SIZE - (p->gpa & ~PAGE_MASK) : p->size;
    guest_read(p->gpa, data, first);
    if (p->crosses)
        guest_read(p->gpa2, data + first, p->size - first);
}

void location_overwrite(const struct location *p)
{
    unsigned first = p->crosses ? (unsigned)(PAGE_SIZE - (p->gpa & ~PAGE_MASK)) : p->size;
    if (!p->traced)
        return;
    hook_overwrite(p->gpa, first);
    hook_overwrite(p->gpa2, p->size - first);
}

struct tally vmx_tally;

void hand_over(const struct access *a)
{
    uint64_t before = hook_events();
    hook_access(a);
    if (hook_events() != before)
        tally_add(&vmx_tally, (a->context & CONTEXT_CPL_MASK) == 3, a->cr3, a->cause, 1);
}

void record_access(const struct origin *o, const struct location *p, uint8_t kind, uint8_t flags,
                   const uint8_t *data)
{
    struct access a;

    if (!(kind == ACCESS_WRITE ? vmx.records_writes : vmx.records_reads))
        return;
    a.rip = o->rip;
    a.gva = p->linear;
    a.gpa = p->gpa;
    a.gpa2 = p->gpa2;
    a.cr3 = o->cr3;
    a.icount = 0;
    a.kind = kind;
    a.cause = o->cause;
    a.vector = o->vector;
    a.flags = flags | (p->crosses ? ACCESS_CROSSES : 0);
    a.size = p->size;
    a.context = o->context;
    a.has_data = true;
    memcpy(a.data, data, p->size);
    hand_over(&a);
}

void record_walk(const struct origin *o, gpa_t entry, uint64_t value, unsigned bytes)
{
    struct origin walk = *o;
    struct location p;
    uint8_t data[8];

    walk.cause = CAUSE_PAGE_WALK;
    walk.vector = 0;
    location_set(&p, entry, bytes, entry, 0);
    store64(data, value);
    if (p.traced)
        record_access(&walk, &p, ACCESS_WRITE, 0, data);
}
