/* The replay proof's verdict as text. Builds on a host too. */
#ifndef ENGRAM_PROOF_TEXT_H
#define ENGRAM_PROOF_TEXT_H

#include "trace/proof.h"

#include <stddef.h>

/* Lines proof...=value for META (docs/format.md); the length written. */
size_t proof_meta(const struct proof *p, char *text, size_t size);

/* The n-th line for the console, without a newline; false: there are no more. */
bool proof_line(const struct proof_result *r, unsigned n, char *text, size_t size);

#endif
