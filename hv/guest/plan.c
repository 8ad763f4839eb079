/* Which kind of kernel it is, and carrying out what was planned. */
#include "guest/plan.h"

#include "error_text.h"
#include "guest/linux_guest.h"
#include "guest/linux_header.h"
#include "guest/multiboot_guest.h"

#include <string.h>

bool guest_plan_make(struct guest_plan *plan, const struct guest_source *source, const struct machine *m,
                     char *error, size_t size)
{
    static struct placer placer; /* three memory maps are too much for a small stack */
    struct placer *p = &placer;

    memset(plan, 0, sizeof(*plan));
    memset(p, 0, sizeof(*p));
    p->plan = plan;
    p->source = source;
    p->machine = m;
    p->error = error;
    p->error_size = size;
    placer_name(plan->name, source->kernel->string, "guest");
    if (source->module_count > BOOT_MODULES_MAX)
        return PLACER_FAIL(p, "more than %d modules for the guest", BOOT_MODULES_MAX);
    if (!memory_map_of_guest(&p->guest_map, m))
        return PLACER_FAIL(p, "memory is in more than %d pieces", MEMORY_RANGES_MAX);
    if (linux_header_is(source->kernel_bytes, source->kernel->end - source->kernel->start))
        return linux_guest_plan(p);
    return multiboot_guest_plan(p);
}

bool guest_plan_apply(const struct guest_plan *plan, physical_reader read, physical_writer write, char *error,
                      size_t size)
{
    uint8_t *to;

    for (size_t i = 0; i < plan->copy_count; i++) {
        const struct guest_copy *c = &plan->copy[i];
        const void *from = c->file_bytes ? read(c->from, c->file_bytes) : NULL;

        if (c->file_bytes && !from)
            return error_text(error, size, "module '%s': [0x%lx, 0x%lx) cannot be read", plan->name, c->from,
                              c->from + c->file_bytes);
        to = write(c->to, c->memory_bytes);
        if (!to)
            return error_text(error, size, "module '%s': [0x%lx, 0x%lx) cannot be written", plan->name, c->to,
                              c->to + c->memory_bytes);
        if (from)
            memcpy(to, from, c->file_bytes);
        memset(to + c->file_bytes, 0, c->memory_bytes - c->file_bytes);
    }
    to = write(plan->info, plan->info_bytes);
    if (!to)
        return error_text(error, size, "module '%s': information structure at 0x%lx cannot be written",
                          plan->name, plan->info);
    memcpy(to, plan->info_data, plan->info_bytes);
    return true;
}
