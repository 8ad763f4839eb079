/*
 * A trace file as a row of chunks (docs/format.md, Chunks). Damage never ends
 * the reading: it is reported, and reading goes on at the next sound chunk.
 * Memory is constant however long the file is.
 */
#ifndef ENGRAM_TRACE_FILE_H
#define ENGRAM_TRACE_FILE_H

#include "trace/format.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where the bytes are. `read_at` gives how many it read (fewer than n only at the end), or -1 with errno set.
 */
struct trace_source {
    void *ctx;
    uint64_t size;
    int64_t (*read_at)(void *ctx, uint64_t offset, void *to, size_t n);
};

/* A file descriptor of a regular file, and bytes in memory, as sources. False with errno set when fd is none.
 */
struct memory_source {
    const uint8_t *bytes;
    size_t size;
};
bool source_from_fd(struct trace_source *s, const int *fd);
void source_from_memory(struct trace_source *s, const struct memory_source *m);

struct chunk {
    struct chunk_header header;
    uint64_t offset;     /* of the header in the file */
    const uint8_t *body; /* decompressed, valid until the next call; NULL when damaged, `error` says how */
    uint32_t body_bytes;
    char error[120];
};

/* Told of bytes that belong to no sound chunk: what is there, at which offset. */
typedef void (*damage_fn)(void *ctx, uint64_t offset, const char *what);

struct trace_file {
    const struct trace_source *source;
    damage_fn damage;
    void *ctx;
    uint64_t next; /* offset to go on at */
    uint8_t *stored;
    uint8_t *body;
};

/* False when there is no memory. */
bool trace_file_open(struct trace_file *f, const struct trace_source *source, damage_fn damage, void *ctx);
void trace_file_close(struct trace_file *f);

enum chunk_result { CHUNK_FOUND, CHUNK_NONE, CHUNK_IO_ERROR };

/* The next chunk with a sound header, whatever its type. CHUNK_IO_ERROR: errno says why, f->next where. */
enum chunk_result trace_file_next(struct trace_file *f, struct chunk *c);

/* The same without its body. */
enum chunk_result trace_file_next_header(struct trace_file *f, struct chunk *c);

/* The chunk whose header is at `offset`, with its body; CHUNK_NONE when there is no sound one. */
enum chunk_result trace_file_at(struct trace_file *f, uint64_t offset, struct chunk *c);

#endif
