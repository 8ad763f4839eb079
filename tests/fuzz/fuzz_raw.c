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
static uint8_t memory[1 << 14] __attribute__((aligned(8)));
static uint8_t out[8192];

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
    struct packed packed;

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
    uint32_t capacity = 1024 + (uint32_t)counts[2] * 16;
    uint64_t events = pack_count(&d, body, bytes), most = counts[3] ? counts[3] : UINT64_MAX;
    pack_segment(&stream, &d, body, bytes, most, out, capacity, &packed);
    if (packed.bytes > capacity || packed.events + packed.left_out > events || packed.events > most)
        abort();
    free(body);
    return 0;
}
