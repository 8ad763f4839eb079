/* A fuzzer's bytes as a trace file. */
#ifndef ENGRAM_FUZZ_TRACE_INPUT_H
#define ENGRAM_FUZZ_TRACE_INPUT_H

#include "reader/trace_file.h"
#include "trace/crc32c.h"
#include "trace/format.h"

#include <stdlib.h>
#include <string.h>

/*
 * Makes every chunk's CRCs right, as far as lengths lead: otherwise a fuzzer sees nothing but the check.
 */
static inline void repair_chunks(uint8_t *file, size_t size)
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

/* A copy to be freed, so that the sanitizer sees any read beyond it, and repaired where asked for. */
struct trace_input {
    uint8_t *bytes;
    struct memory_source memory;
    struct trace_source source;
};

static inline bool trace_input(struct trace_input *in, const uint8_t *data, size_t size, bool repaired)
{
    in->bytes = malloc(size ? size : 1);
    if (!in->bytes)
        return false;
    if (size)
        memcpy(in->bytes, data, size);
    if (repaired)
        repair_chunks(in->bytes, size);
    in->memory = (struct memory_source){in->bytes, size};
    source_from_memory(&in->source, &in->memory);
    return true;
}

#endif
