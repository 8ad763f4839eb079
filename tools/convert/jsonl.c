/* JSON lines: what `engram print --json --events` prints. */
#include "convert/converter.h"
#include "show/print_item.h"

#include <errno.h>
#include <string.h>

static bool on_item(void *state, struct conversion *c, const struct trace_item *item)
{
    (void)state;
    print_item(c->out, item, PRINT_JSON);
    return !ferror(c->out) || convert_fail(c, "cannot write: %s", strerror(errno));
}

const struct converter convert_jsonl = {
    .name = "jsonl",
    .what = "JSON, an object a line, of accesses and of what stands between them",
    .access = on_item,
    .other = on_item,
};
