/* Frames on the serial line, going out (docs/format.md, The dump on a serial line). */
#ifndef ENGRAM_TRACE_FRAME_H
#define ENGRAM_TRACE_FRAME_H

#include "trace/format.h"

#include <stdint.h>

/* `put` waits until the line takes the byte. `between` is called every eight bytes, for a UART's FIFO is
 * short and what comes in does not wait. */
struct frame_line {
    void (*put)(uint8_t byte);
    void (*between)(void);
};

void frame_send(const struct frame_line *line, enum frame_type type, uint64_t offset, const void *payload,
                uint32_t bytes);

#endif
