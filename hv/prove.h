/* The replay proof (trace/proof.h) of a run on this machine: where its memory lies, when it begins and ends,
 * what it says. Without proof= all of it does nothing. */
#ifndef ENGRAM_PROVE_H
#define ENGRAM_PROVE_H

#include "machine.h"
#include "options.h"

/* For a copy of what is left of the guest's memory when so much is taken away; 0: none is wanted. */
uint64_t prove_memory_bytes(const struct machine *m, const struct options *o);
/* For digests alone. */
uint64_t prove_digest_bytes(const struct machine *m);
/* The memory is hidden already: `m` says what is the guest's. */
void prove_init(const struct machine *m, hpa_t at, bool copy);

/* Recording begins, ends, or is over because of an error of Engram. */
void prove_begin(void);
void prove_end(void);
/* Not all that is written is recorded any more: `why` says it, in one line. */
void prove_give_up(const char *why);
void prove_abort(void);

void prove_report(void);
size_t prove_meta(char *text, size_t size);
/* For the trace file, after prove_meta(). */
const void *prove_chunks(void);
uint64_t prove_chunk_bytes(void);

#endif
