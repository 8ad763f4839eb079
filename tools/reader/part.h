/*
 * The map beside an incomplete dump, FILE.part: which run it is, which events the
 * whole of it holds (from the first on, up to and without the second), and which bytes
 * of FILE have come. Text, so that a person can look at it:
 *
 *   engram-part 1
 *   run 0123456789abcdef
 *   length 123456
 *   events 0 5000
 *   range 0 4096
 */
#ifndef ENGRAM_PART_H
#define ENGRAM_PART_H

#include "reader/dump_facts.h"
#include "reader/ranges.h"

struct part {
    struct dump_facts dump;
    struct ranges have;
};

enum part_result { PART_LOADED, PART_NONE, PART_DAMAGED };

/* PART_DAMAGED: it is there, but is no such map. `part` is empty unless loaded. */
enum part_result part_load(const char *path, struct part *part);
/* Replaces the file at once or not at all. False with errno set. */
bool part_save(const char *path, const struct part *part);
void part_free(struct part *part);

#endif
