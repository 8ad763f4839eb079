/* libFuzzer: every analysis, with its result in every form, on any trace. The first byte chooses. */
#include "analyse/analysis.h"
#include "analyse/partial.h"
#include "reader/walk.h"
#include "trace_input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

static const struct analysis *const analyses[] = {
    &analysis_top,    &analysis_heatmap,       &analysis_workingset,   &analysis_reuse,
    &analysis_cache,  &analysis_sharing,       &analysis_double_fetch, &analysis_last_writer,
    &analysis_memory, &analysis_silent_stores,
};
#define ANALYSES (sizeof(analyses) / sizeof(analyses[0]))
#define ACCESSES_MAX 20000u /* a few bytes may stand for any number */

static FILE *nowhere;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    nowhere = fopen("/dev/null", "w");
    return 0;
}

static void feed(const struct analysis *a, void *state, const struct trace_source *source)
{
    struct walk w;
    const struct walk_handler handler = {0};
    struct walker *k = walk_begin(source, &handler, &w);
    const struct trace_item *item;
    for (unsigned n = 0; k && n < ACCESSES_MAX && (item = walk_next(k)); n++) {
        if (item->kind == ITEM_ACCESS)
            a->access(state, item);
        else if (a->other)
            a->other(state, item);
    }
    if (k)
        walk_end(k);
    walk_free(&w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct trace_input in;
    struct extent extent;
    if (size < 2 || !trace_input(&in, data + 2, size - 2, true))
        return 0;
    const struct analysis *a = analyses[data[0] % ANALYSES];
    void *state = a->create();
    char address[32];
    snprintf(address, sizeof(address), "%x+%x", data[1] * 256u, 256u);
    if (a->take_operand)
        a->take_operand(state, address);
    if (extent_of(&extent, &in.source, NULL) && !(a->ready && a->ready(state, &extent))) {
        struct json j = {.out = nowhere};
        feed(a, state, &in.source);
        a->text(state, nowhere);
        a->json(state, &j);
        if (a->svg)
            a->svg(state, nowhere);
        if (a->save)
            partial_save(a, state, nowhere);
    }
    a->destroy(state);
    free(in.bytes);
    return 0;
}
