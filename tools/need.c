/* Allocation that does not fail. */
#include "need.h"
#include "command.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static void *there(void *p, size_t bytes)
{
    if (p || bytes == 0)
        return p;
    fprintf(stderr, "engram: no memory for %zu bytes more\n", bytes);
    exit(EXIT_FINDINGS);
}

void *need(size_t bytes)
{
    return there(malloc(bytes), bytes);
}

void *need_zeroed(size_t count, size_t bytes)
{
    return there(calloc(count, bytes), count * bytes);
}

void *need_resized(void *old, size_t count, size_t bytes)
{
    if (bytes && count > SIZE_MAX / bytes)
        return there(NULL, SIZE_MAX);
    return there(realloc(old, count * bytes), count * bytes);
}

char *need_text(const char *text)
{
    return there(strdup(text), strlen(text) + 1);
}
