/* What a file's PROOF chunks say of the guest's pages (docs/format.md, Chunks). */
#ifndef ENGRAM_PROOF_PAGES_H
#define ENGRAM_PROOF_PAGES_H

#include "reader/trace_file.h"
#include "table.h"

/* A page that a recorded write names, or that is not as it was. */
struct proof_page {
    uint64_t start, end; /* digests */
    bool listed;         /* the digests are there */
    uint8_t *contents;   /* at the start; NULL: not in the file */
};

/* Pages that no recorded write names and that are as they were. */
struct proof_same {
    uint64_t first, count;
};

struct proof_pages {
    struct table pages; /* struct proof_page by page number */
    struct proof_same *same;
    size_t same_count, same_room;
    uint64_t same_pages; /* in all of them */
    uint64_t chunks;
    char error[160]; /* what is wrong with the chunks; empty: nothing */
};

/* Reads the chunks of a file. False with errno when it cannot be read, or there is no memory. */
bool proof_pages_read(struct proof_pages *p, const struct trace_source *source);
void proof_pages_free(struct proof_pages *p);

/* Is the page among those that are as they were? */
bool proof_pages_same(const struct proof_pages *p, uint64_t page);

#endif
