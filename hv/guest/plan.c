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

bool guest_plan_apply(const struct guest_plan *plan, guest_copier *copy, physical_writer write, char *error,
                      size_t size)
{
    for (size_t i = 0; i < plan->copy_count; i++) {
        const struct guest_copy *c = &plan->copy[i];

        if (!copy(c->to, c->from, c->file_bytes, c->memory_bytes))
            return error_text(error, size, "module '%s': [0x%lx, 0x%lx) cannot be copied to 0x%lx",
                              plan->name, c->from, c->from + c->file_bytes, c->to);
    }
    void *to = write(plan->info, plan->info_bytes);
    if (!to)
        return error_text(error, size, "module '%s': information structure at 0x%lx cannot be written",
                          plan->name, plan->info);
    memcpy(to, plan->info_data, plan->info_bytes);
    return true;
}
