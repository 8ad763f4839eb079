/* What happens over time, for the report: accesses by kind and privilege, and the guest's marks. */
#ifndef ENGRAM_TIMELINE_H
#define ENGRAM_TIMELINE_H

#include "analyse/analysis.h"

#define TIMELINE_COLUMNS 1024u
#define TIMELINE_MARKS_MAX 200u
#define TIMELINE_TEXT_MAX 100u

struct timeline_mark {
    uint64_t time;
    char text[TIMELINE_TEXT_MAX + 1];
};

struct timeline {
    struct extent extent;
    uint64_t accesses[TIMELINE_COLUMNS][2][2]; /* [user][kind] */
    uint64_t events[TIMELINE_COLUMNS];         /* interrupts and exceptions */
    struct timeline_mark marks[TIMELINE_MARKS_MAX];
    unsigned mark_count;
    uint64_t more_marks;
    unsigned column;      /* of the access before */
    uint64_t from, until; /* its time */
    uint64_t now;
};

void timeline_init(struct timeline *t, const struct extent *extent);
void timeline_item(struct timeline *t, const struct trace_item *item);
void timeline_json(const struct timeline *t, struct json *j);

#endif
