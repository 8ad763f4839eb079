/* libFuzzer: the reader of trace files and the packet decoder, on any bytes. */
#include "reader/walk.h"
#include "show/print_item.h"
#include "trace_input.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

static FILE *nowhere;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    nowhere = fopen("/dev/null", "w");
    return 0;
}

struct limit {
    uint64_t items;
    enum print_form form;
};

/* A few bytes may stand for any number of events: the bound is the caller's, as here. */
static bool on_item(void *ctx, const struct trace_item *item)
{
    struct limit *limit = ctx;
    if (limit->items < 4096)
        print_item(nowhere, item, limit->form);
    return ++limit->items < 100000;
}

static void on_finding(void *ctx, uint64_t offset, const char *what)
{
    (void)ctx;
    (void)offset;
    if (strlen(what) == 0)
        abort();
}

/*
 * Bit 0 of the input's first byte: right CRCs; bits 1 and 2: how accesses are printed; bit 3: what is known
 * of the dump besides, of the corpus's run, and events that need not fit; bits 4 and 5: a slice, by events,
 * instructions, or as a part of five.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    struct trace_input in;
    if (!trace_input(&in, data + 1, size - 1, data[0] & 1))
        return 0;
    struct limit limit = {.form = (enum print_form)((data[0] >> 1) % 3)};
    const struct dump_facts dump = {
        .run = 0xaa, .length = size - 1, .first_event = data[size / 2] % 61, .end_event = 60};
    static const struct position none, low[2] = {{POSITION_EVENT, 7}, {POSITION_ICOUNT, 9}},
                                       high[2] = {{POSITION_SHARE, 800000}, {POSITION_ICOUNT, 70}};
    unsigned cut = data[0] >> 4 & 3;
    const struct slice slice = {.from = cut == 1 || cut == 2 ? low[cut - 1] : none,
                                .to = cut == 1 || cut == 2 ? high[cut - 1] : none,
                                .part = data[size / 3] % 5,
                                .part_of = cut == 3 ? 5 : 0};
    const struct walk_handler handler = {.ctx = &limit,
                                         .item = on_item,
                                         .finding = on_finding,
                                         .dump = data[0] & 8 ? &dump : NULL,
                                         .slice = &slice};
    struct walk w;
    walk_trace(&in.source, &handler, &w);
    walk_free(&w);
    free(in.bytes);
    return 0;
}
