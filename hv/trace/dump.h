/*
 * The dump: the ring's content and the run's META text as one file (format.h),
 * sent over a byte line in frames. Knows no UART: the line is two functions.
 */
#ifndef ENGRAM_TRACE_DUMP_H
#define ENGRAM_TRACE_DUMP_H

#include "trace/ring.h"

/* A byte line. `get` returns -1 when nothing has come. `seconds` counts up. */
struct dump_line {
    void (*put)(uint8_t byte); /* waits until the line takes the byte */
    int (*get)(void);
    uint64_t (*seconds)(void);
};

struct drain;

struct dump_options {
    const struct drain *drained; /* what has sent the beginning (drain.h); NULL: nothing has */
    bool compress;               /* LZ4 each segment, in place, before sending */
    uint32_t wait_seconds;       /* how long to go on without any answer once all was sent */
    uint32_t frame_payload;      /* of the first pass: FRAME_PAYLOAD_MIN to FRAME_PAYLOAD_MAX */
    void (*progress)(uint64_t sent, uint64_t total); /* may be NULL */
    const void *more; /* chunks that stand between the segments and END, `more_bytes` of them */
    uint64_t more_bytes;
};

/* Why the dump ended. */
enum dump_end { DUMP_DONE, DUMP_UNANSWERED };

/*
 * Sends the file: META with `meta`, the ring's segments, END. `meta` is the text of META and END
 * (docs/format.md), `meta_bytes` long, at most CHUNK_BODY_MAX / 4. BEGIN and END repeat `run_id` and say
 * which events the file holds.
 */
enum dump_end dump_send(struct ring *ring, const char *meta, uint32_t meta_bytes, uint64_t run_id,
                        const struct dump_line *line, const struct dump_options *options);

/*
 * Sends text while a dump is under way, as a TEXT frame: for all console output, above all from `progress`,
 * which is called between two frames. (An error's text may come in the middle of one, which is then damaged.)
 * False when there is no dump: then the line is free for plain text.
 */
bool dump_text(const char *text, uint64_t bytes);

#endif
