#include "vmx/vmx.h"

#include "trace/hook.h"

void location_find(struct location *p, const struct paging_state *s, gva_t linear, unsigned size)
{
    struct walk w;
    gva_t last = linear + size - 1;

    *p = (struct location){.linear = linear, .size = (uint8_t)size};
    if (!guest_walk(s, linear, &w))
        return;
    p->gpa = w.gpa;
    p->traced = ept_is_traced(w.gpa);
    p->crosses = ((linear ^ last) & PAGE_MASK) != 0;
    if (!p->crosses)
        return;
    if (!guest_walk(s, last & PAGE_MASK, &w)) {
        p->traced = false;
        return;
    }
    p->gpa2 = w.gpa;
    p->traced = p->traced || ept_is_traced(w.gpa);
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
    hook_access(&a);
}
