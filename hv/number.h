/* Numbers in options: decimal, or hexadecimal with 0x. */
#ifndef ENGRAM_NUMBER_H
#define ENGRAM_NUMBER_H

#include <stdbool.h>
#include <stdint.h>

/* One that ends at `*end`; false without a digit or beyond 64 bits. */
bool read_number(const char *s, const char **end, uint64_t *value);

/* All of `s`, at most `max`. */
bool whole_number(const char *s, uint64_t max, uint64_t *value);

#endif
