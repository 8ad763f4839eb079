/* Guest-physical memory as the hypervisor reads it, through the direct map. */
#include "memory.h"
#include "vmx/ept.h"
#include "vmx/walk.h"

static gpa_t memory_end;
gpa_t guest_memory_plain_end;

void guest_memory_init(const struct machine *m)
{
    memory_end = m->ram_end > GIB(4) ? m->ram_end : GIB(4);
    guest_memory_plain_end = memory_end;
    for (size_t i = 0; i < m->hidden_count; i++)
        if (m->hidden[i].start < guest_memory_plain_end)
            guest_memory_plain_end = m->hidden[i].start;
}

const void *guest_memory_slow(gpa_t p)
{
    return p < memory_end && !ept_is_hidden(p) ? phys_to_virt(p) : NULL;
}
