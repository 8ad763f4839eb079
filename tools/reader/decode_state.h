/* What the decoder's files share: decode.c reads accesses, decode_control.c the packets between them. */
#ifndef ENGRAM_DECODE_STATE_H
#define ENGRAM_DECODE_STATE_H

#include "reader/cursor.h"
#include "reader/decode.h"
#include "reader/pagemap.h"

#define PAGE_BITS 12
#define PAGE_BYTES 4096u
#define NO_SITE UINT32_MAX

struct site {
    uint64_t rip;
    uint64_t address;
    uint64_t stride;
    uint64_t icount_step; /* before its last access */
    uint64_t segment;     /* the segment it was defined in: others do not know it */
    /* The mapping of the page of its last access, as long as the map's version is the same. */
    uint64_t page, frame, map_version;
    uint32_t successor;
    uint8_t kind;
    uint8_t cause;
    uint8_t flags;
    uint8_t size;
    uint8_t vector;
    uint8_t data[ACCESS_SIZE_MAX];
};

/* One side of a RUN. */
struct run_side {
    uint32_t id;
    uint64_t address; /* of the next element */
    const uint8_t *data;
    bool differ; /* every element has its own data */
};

/* A RUN whose elements are being handed over. */
struct run {
    struct run_side side[2];
    uint64_t step;
    uint64_t left; /* elements, of both sides */
    bool pair;
    bool second; /* the next one is the second side's */
};

struct decoder {
    struct cursor c;
    const uint8_t *body;
    struct site *sites; /* by id */
    size_t site_room;   /* grows to what the trace uses */
    struct pagemap pages;
    uint64_t segment;
    uint64_t number; /* of the next access */
    uint64_t limit;  /* the header's event count */
    uint64_t cr3;
    uint64_t icount;
    uint64_t last_address; /* of the access before, whatever its site */
    uint64_t site_rip;     /* of the SITE or BLOCK before */
    uint32_t last_site;    /* of the access before */
    uint8_t context;
    bool has_icount;
    bool over;
    struct run run;
    struct trace_item access_item; /* kind and what the context says stay filled in */
    struct trace_item other_item;
    struct decode_result result;
};

/* Says what is wrong and gives false. */
__attribute__((format(printf, 2, 3))) bool decode_fail(struct decoder *d, const char *format, ...);

static inline struct site *site_by_id(struct decoder *d, uint64_t id)
{
    if (id >= d->site_room || d->sites[id].segment != d->segment)
        return NULL;
    return &d->sites[id];
}

/* Is there room for so many events by the header's count? */
bool decode_room(struct decoder *d, uint64_t events);

enum control {
    CONTROL_BAD,    /* decode_fail() was called */
    CONTROL_SILENT, /* nothing to hand over */
    CONTROL_ITEM,   /* other_item */
    CONTROL_RUN,    /* run */
};

/* Reads the control packet at the cursor; `first`: it must be SYNC. */
enum control decode_control(struct decoder *d, bool first);

#endif
