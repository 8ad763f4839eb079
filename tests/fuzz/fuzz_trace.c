/* libFuzzer: the reader of trace files and the packet decoder, on any bytes. */
#include "reader/walk.h"
#include "show/print_item.h"
#include "trace/crc32c.h"

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
 * Makes every chunk's CRCs right, as far as lengths lead: otherwise a fuzzer sees nothing but the check.
 * Bit 0 of the input's first byte asks for it, so that wrong ones are tried too.
 */
static void repair(uint8_t *file, size_t size)
{
    for (size_t at = 0; size - at >= sizeof(struct chunk_header);) {
        struct chunk_header h;
        memcpy(&h, file + at, sizeof(h));
        size_t left = size - at - sizeof(h);
        h.magic = TRACE_MAGIC;
        h.header_bytes = sizeof(h);
        size_t stored = h.stored_bytes < left ? h.stored_bytes : left;
        h.body_crc = crc32c(file + at + sizeof(h), stored);
        h.header_crc = crc32c(&h, sizeof(h) - 4);
        memcpy(file + at, &h, sizeof(h));
        at += sizeof(h) + stored;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    uint8_t *copy = malloc(size);
    if (!copy)
        return 0;
    memcpy(copy, data + 1, size - 1);
    if (data[0] & 1)
        repair(copy, size - 1);
    const struct memory_source memory = {copy, size - 1};
    struct trace_source source;
    source_from_memory(&source, &memory);
    struct limit limit = {.form = (enum print_form)((data[0] >> 1) % 3)};
    /* Bit 3: what is known of the dump besides; of the corpus's run, and events that need not fit. */
    const struct dump_facts dump = {
        .run = 0xaa, .length = size - 1, .first_event = data[size / 2] % 61, .end_event = 60};
    const struct walk_handler handler = {
        .ctx = &limit, .item = on_item, .finding = on_finding, .dump = data[0] & 8 ? &dump : NULL};
    struct walk w;
    walk_trace(&source, &handler, &w);
    walk_free(&w);
    free(copy);
    return 0;
}
