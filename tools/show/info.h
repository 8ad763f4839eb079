/* The two forms of `engram info`: for a person (info.c) and for a program (info_json.c). */
#ifndef ENGRAM_INFO_H
#define ENGRAM_INFO_H

#include "reader/stats.h"
#include "reader/walk.h"

#include <stdio.h>

struct info {
    const char *path;
    uint64_t file_bytes;
    struct walk walk;
    struct stats stats;
};

void info_print(FILE *out, const struct info *info);
void info_print_json(FILE *out, const struct info *info);

/* TSC ticks of the run and the seconds they took; false where META says too little. */
bool info_time(const struct info *info, uint64_t *ticks, double *seconds);

/* Traced writes of the whole run: what counters are related to. 0 when the file does not tell. */
uint64_t info_run_writes(const struct info *info);

#endif
