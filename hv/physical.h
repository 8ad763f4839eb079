/*
 * Looking at physical memory from code that also builds on a host: the caller
 * says how an address is reached.
 */
#ifndef ENGRAM_PHYSICAL_H
#define ENGRAM_PHYSICAL_H

#include "types.h"

/* `size` bytes at `start`, or NULL where they cannot be read (not mapped, wraps). Valid until memory is
 * reused. */
typedef const void *(*physical_reader)(hpa_t start, size_t size);

/* The same for writing. */
typedef void *(*physical_writer)(hpa_t start, size_t size);

#endif
