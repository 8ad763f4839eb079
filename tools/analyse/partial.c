/* Numbers on their way from one process to another. */
#include "analyse/partial.h"
#include "reader/cursor.h"

#include <string.h>

#define FIRST_LINE "engram-partial 1 "

void partial_put(FILE *out, uint64_t n)
{
    uint8_t bytes[8];
    store_le(bytes, n, 8);
    fwrite(bytes, 1, 8, out);
}

bool partial_get(FILE *in, uint64_t *n)
{
    uint8_t bytes[8];
    if (fread(bytes, 1, 8, in) != 8)
        return false;
    *n = load_le(bytes, 8);
    return true;
}

bool partial_expect(FILE *in, uint64_t n)
{
    uint64_t got;
    return partial_get(in, &got) && got == n;
}

void partial_save(const struct analysis *a, void *state, FILE *out)
{
    fprintf(out, FIRST_LINE "%s\n", a->name);
    a->save(state, out);
}

const char *partial_merge(const struct analysis *a, void *state, FILE *in)
{
    char line[64], expected[64];
    snprintf(expected, sizeof(expected), FIRST_LINE "%s\n", a->name);
    if (!fgets(line, sizeof(line), in) || strncmp(line, FIRST_LINE, strlen(FIRST_LINE)) != 0)
        return "is no partial result";
    if (strcmp(line, expected) != 0)
        return "is the partial result of another analysis";
    return a->merge(state, in) ? NULL : "is cut off, damaged, or was made with other options";
}
