/*
 * A guest's kernel from a hostile file: the plan is refused with a line, or is one whose every copy lies
 * inside its source and in the guest's RAM, so that carrying it out is safe.
 */
#include "guest/plan.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(condition)                                                                                     \
    do {                                                                                                     \
        if (!(condition))                                                                                    \
            abort();                                                                                         \
    } while (0)

#define INPUT_MAX (1u << 20)

static struct machine machine = {
    .map = {{0, 0x9fc00, MEMORY_RAM},
            {0x9fc00, 0x100000, MEMORY_RESERVED},
            {0x100000, 0x10000000, MEMORY_RAM},
            {0xfffc0000, 0x100000000, MEMORY_RESERVED}},
    .map_count = 4,
    .hidden = {{0xc000000, 0xd000000, MEMORY_RESERVED}},
    .hidden_count = 1,
    .ram_end = 0x10000000,
    .physical_bits = 36,
};

static bool inside(const struct guest_copy *c, hpa_t start, hpa_t end)
{
    return c->from >= start && c->from <= end && c->file_bytes <= end - c->from;
}

/* Sources: the file, the module, or a place that an earlier copy filled. */
static void check_copy(const struct guest_plan *plan, size_t index, const struct boot_module *kernel,
                       const struct boot_module *module, const struct memory_map *ram)
{
    const struct guest_copy *c = &plan->copy[index];
    bool known = inside(c, kernel->start, kernel->end) || inside(c, module->start, module->end);

    for (size_t i = 0; i < index; i++)
        known |= inside(c, plan->copy[i].to, plan->copy[i].to + plan->copy[i].file_bytes);
    CHECK(known);
    CHECK(c->memory_bytes && c->file_bytes <= c->memory_bytes && c->memory_bytes <= UINT64_MAX - c->to);
    CHECK(memory_map_is_ram(ram, c->to, c->to + c->memory_bytes));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct guest_plan plan;
    static struct memory_map ram;
    static struct boot_module kernel, module;
    const struct guest_source source = {
        .kernel = &kernel, .kernel_bytes = data, .modules = &module, .module_count = 1};
    char error[512] = "";

    /* The module lies where small kernels want to be, the file behind it. */
    if (size > INPUT_MAX)
        return 0;
    module.start = 0x200000;
    module.end = 0x212345;
    kernel.start = 0x213000;
    kernel.end = kernel.start + size;
    strcpy(kernel.string, "kernel arguments");
    strcpy(module.string, "module");
    CHECK(memory_map_of_guest(&ram, &machine));
    if (!guest_plan_make(&plan, &source, &machine, error, sizeof(error))) {
        CHECK(error[0] && !strchr(error, '\n'));
        return 0;
    }
    CHECK(plan.copy_count && plan.copy_count <= GUEST_COPIES_MAX && plan.entry < GIB(4));
    for (size_t i = 0; i < plan.copy_count; i++)
        check_copy(&plan, i, &kernel, &module, &ram);
    CHECK(plan.info_bytes && memory_map_is_ram(&ram, plan.info, plan.info + plan.info_bytes));
    return 0;
}
