/* One level of a set-associative cache: lines that are valid, and which of them are dirty. */
#ifndef ENGRAM_CACHE_LEVEL_H
#define ENGRAM_CACHE_LEVEL_H

#include <stdbool.h>
#include <stdint.h>

enum replacement { REPLACE_LRU, REPLACE_FIFO, REPLACE_RANDOM, REPLACE_PLRU, REPLACEMENTS };
extern const char *const replacement_name[REPLACEMENTS];

struct cache_shape {
    uint64_t bytes;
    uint64_t ways; /* as many as there are lines: fully associative */
    uint64_t line; /* bytes, a power of two */
    enum replacement replacement;
};

/* "SIZE:WAYS:LINE[:POLICY]", as "32K:8:64:lru". False when it is none, or no such cache can be built. */
bool cache_shape_parse(const char *s, struct cache_shape *shape);

struct cache_level {
    struct cache_shape shape;
    uint64_t sets;
    unsigned line_bits;
    uint64_t *entries; /* [set][way]; under LRU and FIFO the newest comes first */
    uint64_t *tree;    /* PLRU: a bit per inner node, by set */
    uint64_t random;
};

/* The shape is one that cache_shape_parse() takes. */
void cache_level_init(struct cache_level *c, const struct cache_shape *shape);
void cache_level_free(struct cache_level *c);

struct cache_eviction {
    bool any, dirty;
    uint64_t line; /* number of the line that went */
};

/* Uses a line and brings it in if it is not there. True: a hit. */
bool cache_level_use(struct cache_level *c, uint64_t line, bool write, struct cache_eviction *out);

/* A line comes back from the level above: true when it is here, dirty from now on. */
bool cache_level_put_back(struct cache_level *c, uint64_t line);

#endif
