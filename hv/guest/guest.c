#include "guest/guest.h"

#include "console.h"
#include "guest/plan.h"
#include "memory.h"
#include "place.h"

#define BUILTIN_NAME "benchmark"

/* builtin.S */
extern uint8_t builtin_guest[], builtin_guest_end[];

static struct guest_plan plan;
static char title[BOOT_MODULE_STRING_MAX + 1];
static hpa_t reachable_end;

const char *guest_title(void)
{
    return title;
}

static void *at_physical(hpa_t start, size_t size)
{
    return start < reachable_end && size <= reachable_end - start ? phys_to_virt(start) : NULL;
}

static void (*copy)(gpa_t to, gpa_t from, uint64_t bytes, uint64_t total);

static bool copy_at_physical(gpa_t to, hpa_t from, uint64_t bytes, uint64_t total)
{
    if (!at_physical(to, total) || (bytes && !at_physical(from, bytes)))
        return false;
    copy(to, from, bytes, total);
    return true;
}

static struct boot_module builtin_module(const char *args)
{
    struct boot_module module = {.start = virt_to_phys(builtin_guest)};
    module.end = module.start + (hpa_t)(builtin_guest_end - builtin_guest);
    format_text(module.string, sizeof module.string, "%s%s%s", BUILTIN_NAME, *args ? " " : "", args);
    return module;
}

static char error[512];

void guest_plan(const struct bootinfo *boot, const struct acpi_info *acpi, const char *builtin_args,
                const struct machine *m, struct vcpu *v)
{
    static struct boot_module builtin;
    builtin = builtin_module(builtin_args);
    bool given = boot->module_count > 0;
    struct guest_source source = {.kernel = given ? &boot->module[0] : &builtin, .boot = boot};
    if (given) {
        source.modules = boot->module + 1;
        source.module_count = boot->module_count - 1;
    }
    if (!acpi->rsdp_is_low) {
        source.rsdp = boot->rsdp;
        source.rsdp_bytes = boot->rsdp_bytes;
    }
    source.kernel_bytes = phys_to_virt(place_before_move(source.kernel->start));
    reachable_end = m->ram_end > GIB(4) ? m->ram_end : GIB(4);
    format_text(title, sizeof title, "%s", source.kernel->string);
    if (!guest_plan_make(&plan, &source, m, error, sizeof error))
        panic("%s", error);
    if (title[0] == '\0')
        format_text(title, sizeof title, "%s", plan.name);
    if (plan.wants_graphics)
        printk("engram: guest %s asks for a graphics mode; it gets the screen as it is\n", plan.name);
    *v = plan.start;
    printk("engram: guest %s at 0x%lx-0x%lx, entry 0x%lx\n", plan.name, (unsigned long)plan.kernel_start,
           (unsigned long)plan.kernel_end - 1, (unsigned long)plan.entry);
}

void guest_load(void (*how)(gpa_t to, gpa_t from, uint64_t bytes, uint64_t total))
{
    copy = how;
    if (!guest_plan_apply(&plan, copy_at_physical, at_physical, error, sizeof error))
        panic("%s", error);
}
