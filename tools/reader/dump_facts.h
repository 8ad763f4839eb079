/* What BEGIN and END say of a dump (docs/format.md, The dump on a serial line): known however little of it
 * came. */
#ifndef ENGRAM_DUMP_FACTS_H
#define ENGRAM_DUMP_FACTS_H

#include <stdint.h>

struct dump_facts {
    uint64_t run;
    uint64_t length;                 /* of the file */
    uint64_t first_event, end_event; /* events [first_event, end_event) lie in it; at most INT64_MAX */
};

#endif
