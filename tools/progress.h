/* How far a dump or a pass through a trace is: a bar on a terminal, and where asked for a line every tenth
 * elsewhere. On stderr. */
#ifndef ENGRAM_PROGRESS_H
#define ENGRAM_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
    const char *command; /* for lines where there is no terminal; NULL: none */
    bool terminal;
    bool shown;       /* a bar stands in the line */
    unsigned tenths;  /* printed so far */
    uint64_t last_ms; /* when it was drawn last */
    uint64_t start_ms, start_done;
};

void progress_start(struct progress *p, const char *command, uint64_t done, uint64_t now_ms);
/* total 0: not known yet. `again`: the first pass is over, missing parts are being asked for. */
void progress_show(struct progress *p, uint64_t done, uint64_t total, bool again, uint64_t now_ms);
/* Takes the bar away: before any other output to the terminal, and at the end. */
void progress_clear(struct progress *p);

uint64_t now_in_ms(void);

#endif
