/* The recorded writes of a trace, made once more, against what the hypervisor says of the pages. */
#ifndef ENGRAM_REPLAY_H
#define ENGRAM_REPLAY_H

#include "analyse/image.h"
#include "prove/proof_pages.h"
#include "reader/decode.h"

enum page_verdict {
    PAGE_AGREES,   /* it is what the writes make of it */
    PAGE_UNTOLD,   /* of what it was at the start too little is known */
    PAGE_DIFFERS,  /* it is something else */
    PAGE_CHANGED,  /* it is not as it was, and no write names it */
    PAGE_UNLISTED, /* writes name it, and the hypervisor says that none did */
    PAGE_WRONG,    /* its contents at the start and their digest do not belong together */
    PAGE_VERDICTS
};

#define REPLAY_SAMPLES 16u

struct replay {
    struct image image;
    uint64_t writes, without_data, without_address;
    uint64_t reads, different_reads, first_different_read;
    uint64_t pages[PAGE_VERDICTS];
    uint64_t outside; /* pages that writes name and of which the hypervisor says nothing */
    struct {
        uint64_t page;
        enum page_verdict verdict;
    } sample[REPLAY_SAMPLES]; /* of those that do not agree */
    unsigned samples;
};

void replay_init(struct replay *r);
void replay_free(struct replay *r);
void replay_item(struct replay *r, const struct trace_item *item);
/* After the last item: the verdict on each page. */
void replay_judge(struct replay *r, const struct proof_pages *pages);

/* Not one page or read is wrong. */
bool replay_holds(const struct replay *r);

#endif
