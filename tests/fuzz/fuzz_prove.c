/* libFuzzer: PROOF chunks and the replay of a trace, on any bytes. */
#include "prove/replay.h"
#include "reader/walk.h"
#include "trace_input.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct limit {
    struct replay *replay;
    unsigned items;
};

/* A few bytes may stand for any number of events. */
static bool on_item(void *ctx, const struct trace_item *item)
{
    struct limit *limit = ctx;
    replay_item(limit->replay, item);
    return ++limit->items < 10000;
}

/* Every page that is judged is judged once. */
static void check_sums(const struct replay *r, const struct proof_pages *p)
{
    uint64_t judged = r->outside;
    for (unsigned i = 0; i < PAGE_VERDICTS; i++)
        judged += r->pages[i];
    if (judged < p->pages.count || judged > p->pages.count + r->image.pages.count)
        abort();
}

/* Bit 0 of the input's first byte: right CRCs. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    struct trace_input in;
    if (!trace_input(&in, data + 1, size - 1, data[0] & 1))
        return 0;
    struct proof_pages pages;
    struct replay replay;
    struct limit limit = {.replay = &replay};
    struct walk w;
    const struct walk_handler handler = {.ctx = &limit, .item = on_item};
    replay_init(&replay);
    if (!proof_pages_read(&pages, &in.source))
        abort();
    walk_trace(&in.source, &handler, &w);
    replay_judge(&replay, &pages);
    check_sums(&replay, &pages);
    walk_free(&w);
    proof_pages_free(&pages);
    replay_free(&replay);
    free(in.bytes);
    return 0;
}
