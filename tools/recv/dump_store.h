/*
 * The file a dump is received into, with its map FILE.part while it is not
 * whole. Nothing is touched before a dump begins. A partial dump of another run
 * is moved aside and never overwritten.
 */
#ifndef ENGRAM_DUMP_STORE_H
#define ENGRAM_DUMP_STORE_H

#include "reader/part.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dump_store {
    const char *path;
    char *part_path;
    int fd;     /* -1 until a dump begins */
    bool named; /* `dump` is known */
    struct dump_facts dump;
    uint64_t resumed; /* bytes that were there already */
    char note[300];   /* what the user should know about the start; may be empty */
    char error[300];
};

bool dump_store_init(struct dump_store *s, const char *path); /* false: no memory */
void dump_store_free(struct dump_store *s);

/* As struct receiver_io says. */
bool dump_store_start(struct dump_store *s, const struct dump_facts *dump, struct ranges *have);
bool dump_store_write(struct dump_store *s, uint64_t offset, const uint8_t *bytes, size_t n);
int64_t dump_store_read(struct dump_store *s, uint64_t offset, void *to, size_t n);

/* Writes the map. Only with a known run; false with s->error. */
bool dump_store_save_map(struct dump_store *s, const struct ranges *have);
/* The dump is whole: the map goes. */
void dump_store_complete(struct dump_store *s);

#endif
