/* The traditional input of the Dinero cache simulators: "0 address" for a read, "1 address" for a write. */
#include "convert/converter.h"
#include "emit.h"

static bool on_access(void *state, struct conversion *c, const struct trace_item *item)
{
    const struct access *a = &item->access;
    char line[32], *p = emit_text(line, a->kind == ACCESS_WRITE ? "1 " : "0 ");
    (void)state;
    p = emit_text(emit_hex(p, c->physical ? a->gpa : a->gva), "\n");
    return convert_write(c, line, (size_t)(p - line));
}

const struct converter convert_din = {
    .name = "din",
    .what = "Dinero III and IV (-informat d): kind and address",
    .lacks = "sizes, instructions, data, privilege levels, causes",
    .one_address = true,
    .access = on_access,
};
