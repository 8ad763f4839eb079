/* libFuzzer: every converter on any trace. The first byte chooses; the output goes nowhere. */
#include "convert/converter.h"
#include "reader/walk.h"
#include "trace_input.h"

#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

static const struct converter *const converters[] = {
    &convert_csv,  &convert_jsonl,      &convert_lackey, &convert_din,     &convert_champsim,
    &convert_gem5, &convert_drmemtrace, &convert_npy,    &convert_parquet, &convert_ctf,
};
#define CONVERTERS (sizeof(converters) / sizeof(converters[0]))
#define ITEMS_MAX 5000u /* a few bytes may stand for any number */

static FILE *nowhere;
static char folder[] = "/tmp/engram-fuzz-XXXXXX"; /* for CTF */

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    nowhere = fopen("/dev/null", "w+");
    return mkdtemp(folder) ? 0 : 1;
}

struct feed {
    struct walker *k;
    unsigned count;
};

static const struct trace_item *next(void *ctx)
{
    struct feed *f = ctx;
    return f->count++ < ITEMS_MAX ? walk_next(f->k) : NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct trace_input in;
    if (size < 1 || !trace_input(&in, data + 1, size - 1, true))
        return 0;
    const struct converter *v = converters[(data[0] >> 1) % CONVERTERS];
    struct walk w;
    const struct walk_handler handler = {0};
    struct feed feed = {.k = walk_begin(&in.source, &handler, &w)};
    struct conversion c = {.out = v->folder ? NULL : nowhere,
                           .path = v->folder ? folder : NULL,
                           .meta = &w.meta,
                           .physical = data[0] & 1};
    void *state = calloc(1, v->state_bytes + 1);
    if (feed.k && state && extent_of(&c.extent, &in.source, NULL))
        convert_items(v, state, &c, next, &feed);
    free(state);
    if (feed.k)
        walk_end(feed.k);
    walk_free(&w);
    free(in.bytes);
    return 0;
}
