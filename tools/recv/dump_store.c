/* A dump on its way into a file. */
#include "recv/dump_store.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool dump_store_init(struct dump_store *s, const char *path)
{
    *s = (struct dump_store){.path = path, .fd = -1};
    if (asprintf(&s->part_path, "%s.part", path) >= 0)
        return true;
    s->part_path = NULL;
    return false;
}

void dump_store_free(struct dump_store *s)
{
    if (s->fd >= 0)
        close(s->fd);
    s->fd = -1;
    free(s->part_path);
}

static bool fail(struct dump_store *s, const char *what)
{
    snprintf(s->error, sizeof(s->error), "%.200s: %s: %s", s->path, what, strerror(errno));
    return false;
}

/* FILE and its map become FILE.RUN and FILE.RUN.part. */
static bool move_aside(struct dump_store *s, uint64_t run)
{
    char *file = NULL, *map = NULL;
    bool moved = asprintf(&file, "%s.%016" PRIx64, s->path, run) >= 0 &&
                 asprintf(&map, "%s.part", file) >= 0 && rename(s->path, file) == 0 &&
                 rename(s->part_path, map) == 0;
    if (moved)
        snprintf(s->note, sizeof(s->note), "the partial dump of another run is now %.200s", file);
    else
        fail(s, "cannot move the partial dump of another run aside");
    free(file);
    free(map);
    return moved;
}

static bool open_file(struct dump_store *s, int flags)
{
    if (s->fd >= 0)
        close(s->fd);
    s->fd = open(s->path, O_RDWR | O_CREAT | O_CLOEXEC | flags, 0666);
    struct stat st;
    if (s->fd < 0 || fstat(s->fd, &st) < 0)
        return fail(s, "cannot open");
    if (!S_ISREG(st.st_mode)) {
        errno = EINVAL;
        return fail(s, "is no regular file, and a dump needs one");
    }
    return true;
}

static bool set_length(struct dump_store *s, uint64_t length)
{
    if (length <= INT64_MAX && ftruncate(s->fd, (off_t)length) == 0)
        return true;
    if (length > INT64_MAX)
        errno = EFBIG;
    return fail(s, "cannot have the dump's length");
}

/* What an earlier try left is for us when run and length are the same and the file is as long. While the run
 * goes on the file grows. */
static bool belongs(const struct dump_store *s, const struct part *part)
{
    struct stat st;
    return part->dump.run == s->dump.run && (part->dump.front || part->dump.length == s->dump.length) &&
           stat(s->path, &st) == 0 && S_ISREG(st.st_mode) && (uint64_t)st.st_size == part->dump.length;
}

static bool start_known(struct dump_store *s, struct ranges *have)
{
    struct part part;
    enum part_result r = part_load(s->part_path, &part);
    if (r == PART_DAMAGED)
        snprintf(s->note, sizeof(s->note), "%.200s is no readable map: everything is received anew",
                 s->part_path);
    if (r != PART_LOADED)
        return open_file(s, O_TRUNC) && set_length(s, s->dump.length);
    bool sound;
    if (belongs(s, &part)) {
        bool shorter = s->dump.front && s->dump.length < part.dump.length;
        sound = open_file(s, 0) && (shorter || set_length(s, s->dump.length));
        if (part.dump.front && !s->dump.front)
            ranges_cut_front(&part.have, part.dump.front);
        for (size_t i = 0; sound && i < part.have.count; i++)
            sound = ranges_add(have, part.have.spans[i].start, part.have.spans[i].end);
        s->resumed = have->total;
    } else if (part.dump.run == s->dump.run || access(s->path, F_OK) != 0) {
        sound = open_file(s, O_TRUNC) && set_length(s, s->dump.length); /* the map fits no file: useless */
    } else {
        sound = move_aside(s, part.dump.run) && open_file(s, O_TRUNC) && set_length(s, s->dump.length);
    }
    part_free(&part);
    return sound;
}

bool dump_store_start(struct dump_store *s, const struct dump_facts *dump, struct ranges *have)
{
    s->note[0] = 0;
    s->resumed = 0;
    if (!dump) /* data of an unknown run must not spoil what waits to be resumed */
        return access(s->part_path, F_OK) != 0 && open_file(s, O_TRUNC);
    bool grew = s->named && s->dump.front && s->dump.run == dump->run;
    bool adopt = s->fd >= 0 && (grew || (!s->named && have->total));
    s->named = true;
    s->dump = *dump;
    return adopt ? set_length(s, dump->length) : start_known(s, have);
}

bool dump_store_write(struct dump_store *s, uint64_t offset, const uint8_t *bytes, size_t n)
{
    while (n) {
        ssize_t wrote = pwrite(s->fd, bytes, n, (off_t)offset);
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote <= 0)
            return fail(s, "cannot write");
        bytes += wrote;
        offset += (uint64_t)wrote;
        n -= (size_t)wrote;
    }
    return true;
}

int64_t dump_store_read(struct dump_store *s, uint64_t offset, void *to, size_t n)
{
    ssize_t got;
    do
        got = pread(s->fd, to, n, (off_t)offset);
    while (got < 0 && errno == EINTR);
    return got;
}

bool dump_store_save_map(struct dump_store *s, const struct dump_facts *dump, const struct ranges *have)
{
    if (s->fd < 0 || !s->named)
        return true;
    s->dump = *dump;
    if (s->dump.front && !set_length(s, s->dump.length))
        return false;
    struct part part = {.dump = s->dump, .have = *have};
    return part_save(s->part_path, &part) || fail(s, "cannot write its map, FILE.part");
}

void dump_store_complete(struct dump_store *s)
{
    unlink(s->part_path);
}
