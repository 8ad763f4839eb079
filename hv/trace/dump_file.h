/*
 * The trace file that a ring amounts to: META, the segments, END (docs/format.md).
 * It is nowhere in one piece; any part of it is put together on demand. Of a ring that
 * was drained (drain.h) META is as long as the place kept for it, and the segments in
 * front of the ring's oldest are no longer there.
 */
#ifndef ENGRAM_TRACE_DUMP_FILE_H
#define ENGRAM_TRACE_DUMP_FILE_H

#include "trace/ring.h"

#define DUMP_DIRECTORY 4096u

struct dump_file {
    const struct ring *ring;
    const char *meta;
    struct chunk_header meta_header, end_header;
    uint32_t meta_bytes;
    uint64_t segments;             /* in the ring */
    uint64_t gone_start, gone_end; /* bytes between META and the ring's first segment that were overwritten */
    uint64_t segment_start;        /* offset of the first segment's chunk */
    const void *more;              /* chunks behind the segments */
    uint64_t more_start;           /* their offset */
    uint64_t end_start;            /* offset of END's chunk */
    uint64_t bytes;                /* length of the file */
    uint64_t first_event;          /* of the first segment */
    uint64_t end_event;            /* behind the last segment's last event */
    /* Where the chunk of every step-th segment begins; the others are found by walking. */
    uint64_t step;
    uint64_t directory[DUMP_DIRECTORY];
    uint64_t walk_segment, walk_offset; /* where the last search ended */
};

/* `between` is called after each segment, which may take a while to compress. May be NULL. */
void dump_file_make(struct dump_file *file, struct ring *ring, const char *meta, uint32_t meta_bytes,
                    bool compress, void (*between)(void));

/* Adds chunks that stand between the segments and END: `bytes` of them, one behind the other. They stay the
 * caller's. */
void dump_file_add(struct dump_file *file, const void *chunks, uint64_t bytes);

/* Makes a closed segment smaller, in place, if that can be. */
void dump_file_compress(struct chunk_header *segment);

/* Copies [offset, offset + bytes) out, which must lie in the file, and not in what is gone. */
void dump_file_read(struct dump_file *file, uint64_t offset, uint8_t *out, uint64_t bytes);

#endif
