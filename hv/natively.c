#include "natively.h"

#include <stdbool.h>
#include <stddef.h>

static void (*runner)(void (*work)(void *context), void *context);
static bool busy;

void natively_by(void (*run)(void (*work)(void *context), void *context))
{
    runner = run;
}

void natively(void (*work)(void *context), void *context)
{
    if (!runner || busy) {
        work(context);
        return;
    }
    busy = true;
    runner(work, context);
    busy = false;
}
