/* FILE.part, read and written. */
#include "reader/part.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINE_MAX_BYTES 128

static bool read_line(FILE *f, char *line)
{
    return fgets(line, LINE_MAX_BYTES, f) != NULL;
}

/* Lines as part_save() writes them, in its order; sscanf bounds every number by its width. */
static bool read_map(FILE *f, struct part *part)
{
    char line[LINE_MAX_BYTES];
    struct dump_facts *dump = &part->dump;
    uint64_t start, end, behind = 0;
    if (!read_line(f, line) || strcmp(line, "engram-part 1\n") != 0)
        return false;
    if (!read_line(f, line) || sscanf(line, "run %16" SCNx64, &dump->run) != 1)
        return false;
    if (!read_line(f, line) || sscanf(line, "length %19" SCNu64, &dump->length) != 1)
        return false;
    if (!read_line(f, line) ||
        sscanf(line, "events %19" SCNu64 " %19" SCNu64, &dump->first_event, &dump->end_event) != 2)
        return false;
    if (dump->first_event > dump->end_event || dump->end_event > INT64_MAX)
        return false;
    while (read_line(f, line)) {
        if (sscanf(line, "range %19" SCNu64 " %19" SCNu64, &start, &end) != 2)
            return false;
        if (start < behind || end <= start || end > dump->length || !ranges_add(&part->have, start, end))
            return false;
        behind = end;
    }
    return !ferror(f);
}

enum part_result part_load(const char *path, struct part *part)
{
    *part = (struct part){0};
    FILE *f = fopen(path, "re");
    if (!f)
        return errno == ENOENT ? PART_NONE : PART_DAMAGED;
    bool sound = read_map(f, part);
    fclose(f);
    if (sound)
        return PART_LOADED;
    part_free(part);
    return PART_DAMAGED;
}

static bool write_map(FILE *f, const struct part *part)
{
    const struct dump_facts *dump = &part->dump;
    fprintf(f, "engram-part 1\nrun %016" PRIx64 "\nlength %" PRIu64 "\nevents %" PRIu64 " %" PRIu64 "\n",
            dump->run, dump->length, dump->first_event, dump->end_event);
    for (size_t i = 0; i < part->have.count; i++)
        fprintf(f, "range %" PRIu64 " %" PRIu64 "\n", part->have.spans[i].start, part->have.spans[i].end);
    return fflush(f) == 0 && !ferror(f);
}

bool part_save(const char *path, const struct part *part)
{
    char *temporary;
    if (asprintf(&temporary, "%s.tmp", path) < 0)
        return false;
    FILE *f = fopen(temporary, "we");
    bool sound = f && write_map(f, part);
    if (f && fclose(f) != 0)
        sound = false;
    sound = sound && rename(temporary, path) == 0;
    if (!sound && f) {
        int error = errno;
        unlink(temporary);
        errno = error;
    }
    free(temporary);
    return sound;
}

void part_free(struct part *part)
{
    ranges_free(&part->have);
    *part = (struct part){0};
}
