/* What the replay proof leaves in a trace file: PROOF chunks (docs/format.md), from which `engram prove`
 * repeats it with the recorded writes of the file itself. */
#ifndef ENGRAM_TRACE_PROOF_FILE_H
#define ENGRAM_TRACE_PROOF_FILE_H

#include "trace/proof.h"

/* After proof_end(): the chunks, one behind the other, `*bytes` of them; they stay valid with the proof. The
 * copy is gone then. */
const uint8_t *proof_chunks(struct proof *p, uint64_t *bytes);

#endif
