/* What the stress programs share: each checks one thing that is easy to get wrong below a kernel, and says
 * what it saw. Its lines are the same on every machine that has the features. */
#ifndef STRESS_H
#define STRESS_H

#include <stdio.h>
#include <stdlib.h>

static int stress_failed;

/* WHAT: GOT, which should be EXPECTED. */
static inline void expect(const char *what, long expected, long got)
{
    if (expected == got) {
        printf("%s: %ld\n", what, got);
        return;
    }
    printf("%s: %ld, expected %ld\n", what, got, expected);
    stress_failed = 1;
}

static inline int stress_end(void)
{
    fflush(stdout);
    return stress_failed;
}

#endif
