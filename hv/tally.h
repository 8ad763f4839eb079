/*
 * Whose accesses they were: counts over the whole run, which stay when the ring
 * overwrites the accesses themselves.
 */
#ifndef ENGRAM_TALLY_H
#define ENGRAM_TALLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TALLY_PROCESSES 128u
#define TALLY_CAUSES 6u

struct tally {
    uint64_t kernel, user; /* CPL 0 to 2, CPL 3 */
    uint64_t cause[TALLY_CAUSES];
    struct {
        uint64_t cr3, events; /* the table's address; no events: neither here nor behind is one */
    } process[TALLY_PROCESSES];
    uint32_t last;   /* was found last */
    uint64_t others; /* of processes for which there was no room */
};

void tally_add(struct tally *t, bool user, uint64_t cr3, uint8_t cause, uint64_t events);

/* Lines for META (docs/format.md); of the processes those with the most events. */
size_t tally_text(const struct tally *t, char *text, size_t size);

#endif
