/*
 * Results of parts of a trace: written by one process and added up by another. A file begins with a line that
 * names the analysis; numbers follow, 8 bytes each, in an order that the analysis knows.
 */
#ifndef ENGRAM_PARTIAL_H
#define ENGRAM_PARTIAL_H

#include "analyse/analysis.h"

void partial_put(FILE *out, uint64_t n);
/* False at the file's end. */
bool partial_get(FILE *in, uint64_t *n);
/* The next numbers must be these: options that parts have in common. */
bool partial_expect(FILE *in, uint64_t n);

void partial_save(const struct analysis *a, void *state, FILE *out);
/* NULL, or what is wrong. */
const char *partial_merge(const struct analysis *a, void *state, FILE *in);

#endif
