#include "vmx/vmx.h"

#include "trace/format.h"
#include "trace/hook.h"

static bool is_traced(struct location *p, gpa_t gpa)
{
    if (ept_is_traced(gpa))
        return true;
    if (ept_is_hidden(gpa))
        p->hidden = gpa;
    return false;
}

void location_find(struct location *p, const struct paging_state *s, gva_t linear, unsigned size)
{
    struct walk low, high;
    gva_t border = (linear + size - 1) & PAGE_MASK;

    *p = (struct location){.linear = linear, .size = (uint8_t)size};
    if (!guest_walk(s, linear, &low))
        return;
    p->gpa = low.gpa;
    bool low_traced = is_traced(p, low.gpa);
    if (border == (linear & PAGE_MASK)) {
        p->traced = low_traced;
        return;
    }
    if (!guest_walk(s, border, &high))
        return;
    bool high_traced = is_traced(p, high.gpa);
    unsigned first = (unsigned)(border - linear);
    p->traced = low_traced || high_traced;
    if (low_traced && high_traced) {
        p->crosses = true;
        p->gpa2 = high.gpa;
    } else if (low_traced) {
        p->size = (uint8_t)first;
    } else {
        p->linear = border;
        p->gpa = high.gpa;
        p->size = (uint8_t)(size - first);
    }
}

struct tally vmx_tally;

void record_access(const struct access *a)
{
    uint64_t before = hook_events();
    hook_access(a);
    if (hook_events() != before)
        tally_add(&vmx_tally, (a->context & CONTEXT_CPL_MASK) == 3, a->cr3, a->cause, 1);
}

void record_write(const struct origin *o, const struct location *p, uint8_t flags)
{
    struct access a;
    size_t first = p->crosses ? PAGE_SIZE - (p->gpa & ~PAGE_MASK) : p->size;

    a.rip = o->rip;
    a.gva = p->linear;
    a.gpa = p->gpa;
    a.gpa2 = p->gpa2;
    a.cr3 = o->cr3;
    a.icount = 0;
    a.kind = ACCESS_WRITE;
    a.cause = o->cause;
    a.vector = o->vector;
    a.flags = flags | (p->crosses ? ACCESS_CROSSES : 0);
    a.size = p->size;
    a.context = o->context;
    a.has_data = true;
    guest_read(p->gpa, a.data, first);
    if (p->crosses)
        guest_read(p->gpa2, a.data + first, p->size - first);
    record_access(&a);
}
