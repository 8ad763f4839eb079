/*
 * Names for places in the code: the symbols of ELF files (32 and 64 bits), or of a list such as
 * /proc/kallsyms and System.map, "ADDRESS TYPE NAME" a line.
 */
#ifndef ENGRAM_SYMBOLS_H
#define ENGRAM_SYMBOLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct symbol {
    uint64_t address;
    uint64_t bytes; /* 0: up to the next one */
    char *name;
};

struct symbols {
    struct symbol *list; /* by address once sorted */
    size_t count;
    size_t room;
};

/* From a file in memory, its addresses moved by `offset`. False: neither form, or no symbols in it. */
bool symbols_parse(struct symbols *s, const uint8_t *file, size_t bytes, uint64_t offset);
/* FILE or FILE@OFFSET. NULL, or what is wrong. */
const char *symbols_load(struct symbols *s, const char *spec);
void symbols_free(struct symbols *s);

/* The symbol that an address is in, or NULL. */
const struct symbol *symbols_find(const struct symbols *s, uint64_t address);

#endif
