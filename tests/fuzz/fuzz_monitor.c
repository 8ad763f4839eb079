/* libFuzzer: any bytes typed at the monitor, through the line editor into the commands. */
#include "monitor/command.h"
#include "monitor/edit.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(condition)                                                                                     \
    do {                                                                                                     \
        if (!(condition))                                                                                    \
            abort();                                                                                         \
    } while (0)

static size_t out_bytes;

/* A terminal gets text and the few control sequences of the editor. */
static void put(const char *text)
{
    for (; *text; text++, out_bytes++)
        CHECK((uint8_t)*text < 0x7f);
}

static void run(const char *line, struct filter *filter)
{
    struct monitor_command c = {.filter = *filter};
    char error[256];
    if (!monitor_parse(line, &c, error, sizeof(error))) {
        CHECK(error[0] && strlen(error) < sizeof(error));
        return;
    }
    CHECK(c.verb <= MONITOR_POWEROFF);
    if (c.verb == MONITOR_MEMORY)
        CHECK(c.bytes && c.bytes <= MONITOR_MEMORY_MAX);
    if (c.verb == MONITOR_MARK)
        CHECK(c.text >= line && c.text < line + strlen(line));
    CHECK(c.filter.gpa.count <= FILTER_RANGES && c.filter.gva.count <= FILTER_RANGES);
    *filter = c.filter;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct edit *e = malloc(sizeof(*e));
    struct filter filter = {0};
    if (!e)
        return 0;
    edit_init(e, "engram> ", put);
    edit_show(e);
    for (size_t i = 0; i < size; i++) {
        out_bytes = 0;
        bool ended = edit_byte(e, data[i]);
        CHECK(out_bytes < 3 * EDIT_LINE_MAX); /* one key does not flood the line */
        CHECK(e->length == strlen(e->line) && e->length <= EDIT_LINE_MAX && e->cursor <= e->length);
        if (ended)
            run(e->line, &filter);
    }
    free(e);
    return 0;
}
