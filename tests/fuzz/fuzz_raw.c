/* libFuzzer: dictionary and raw bodies as an engine that has gone wrong would leave them, and what packing
 * makes of them. */
#include "trace/bytes.h"
#include "trace/pack.h"
#include "trace/stream.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define ENTRIES_MAX 16u

static struct stream stream;
static struct ring ring;
static uint8_t memory[1 << 14] __attribute__((aligned(8)));
static uint8_t ring_memory[RING_BYTES_MIN] __attribute__((aligned(64)));

struct input {
    const uint8_t *at, *end;
};

static bool take(struct input *in, void *to, size_t bytes)
{
    if ((size_t)(in->end - in->at) < bytes)
        return false;
    memcpy(to, in->at, bytes);
    in->at += bytes;
    return true;
}

/* First counts, then entries, then the body. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, data + size};
    struct dictionary d;
    uint8_t counts[4];

    dictionary_init(&d, memory, sizeof(memory));
    if (!take(&in, counts, sizeof(counts)))
        return 0;
    for (unsigned i = 0; i < counts[0] % ENTRIES_MAX; i++) {
        struct raw_access a;
        if (take(&in, &a, sizeof(a)))
            dictionary_add_accesses(&d, &a, 1);
    }
    for (unsigned i = 0; i < counts[1] % ENTRIES_MAX; i++) {
        struct raw_block b;
        if (take(&in, &b, sizeof(b)))
            dictionary_add_blocks(&d, &b, 1);
    }
    uint32_t bytes = (uint32_t)(in.end - in.at);
    uint8_t *body = malloc(bytes ? bytes : 1); /* its end is where the sanitizer sees it */
    if (!body)
        return 0;
    memcpy(body, in.at, bytes);
    static const struct filter range = {.gpa = {.count = 1, .range = {{0x1010, 0x5fff}}}};
    const struct filter *filter = counts[2] & 2 ? &range : NULL;
    uint64_t events = pack_count(&d, filter, body, bytes), claimed = counts[3] ? counts[3] : events;
    free(body);

    ring_init(&ring, ring_memory, sizeof(ring_memory), RING_SEGMENT_BYTES,
              counts[2] & 1 ? RING_STOP : RING_WRAP, 1);
    for (unsigned i = 0; i < 1 + counts[2] % 3; i++) {
        const struct chunk_header facts = {.first_event = i * claimed, .event_count = claimed};
        struct chunk_header *h = ring_open(&ring);
        uint32_t fits = bytes < ring_body_capacity(&ring) ? bytes : ring_body_capacity(&ring);
        memcpy(h + 1, in.at, fits);
        ring_close_raw(&ring, &facts, fits);
    }
    struct pack_result result;
    const struct pack_job job = {
        .ring = &ring, .dictionary = &d, .stream = &stream, .filter = filter, .limit = UINT64_MAX};
    pack_ring(&job, &result);
    if (result.events + result.lost + result.filtered != claimed * (1 + counts[2] % 3))
        abort();
    for (uint64_t i = 0; i < ring_count(&ring); i++)
        if (!ring_segment_intact(&ring, i) || ring_segment(&ring, i)->encoding != ENCODING_PACKED)
            abort();
    return 0;
}
