/* The text of META and END (docs/format.md): what there is to know about a run besides its events. */
#ifndef ENGRAM_META_H
#define ENGRAM_META_H

#include "engine.h"
#include "trace/ring.h"

#define META_BYTES 16384 /* room for such a text */

struct meta_source {
    const struct engine *engine;
    const char *engine_reason;
    const char *guest;
    const char *command_line;
    const struct ring *ring;
    const char *ring_mode;
    uint64_t ring_bytes;
    uint64_t run_id;
    unsigned record; /* enum record_kinds */
};

/* Writes at most `size` bytes; the length. */
uint32_t meta_build(const struct meta_source *s, char *text, uint32_t size);

/* META text of a run that a reset has ended, from what was kept of it: `ring` is what was found, packed, and
 * `lost` and `filtered` are what packing has added to the ring's notes. Text of a run that came to its end
 * stays as it is. */
uint32_t meta_of_previous(const char *kept, uint32_t kept_bytes, const struct ring *ring, uint64_t lost,
                          uint64_t filtered, char *text, uint32_t size);

/* One line on the console where the engine's counters in META text (zero-terminated) tell of writes that it
 * saw and did not record. */
void meta_say_what_is_missing(const char *text);

#endif
