/* The text of META and END: lines of key=value (docs/format.md, Chunks). */
#ifndef ENGRAM_META_H
#define ENGRAM_META_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct meta_entry {
    const char *key;
    const char *value;
};

struct meta {
    char *text; /* NULL: there is none */
    struct meta_entry *entries;
    size_t count;
    size_t bad_lines; /* without '=', too long, not UTF-8, or with control characters: left out */
};

/* Takes a copy. False when there is no memory. */
bool meta_parse(struct meta *m, const uint8_t *text, size_t bytes);
void meta_free(struct meta *m);

/* The first value of the key, or NULL. */
const char *meta_get(const struct meta *m, const char *key);
/* The same as a decimal number; false when it is absent or none. */
bool meta_number(const struct meta *m, const char *key, uint64_t *value);
bool meta_equal(const struct meta *a, const struct meta *b);

/* How many of the bytes are whole, valid UTF-8 characters, counted from the start. */
size_t utf8_valid(const uint8_t *text, size_t bytes);

#endif
