/* What a line typed at the monitor asks for. */
#ifndef ENGRAM_MONITOR_COMMAND_H
#define ENGRAM_MONITOR_COMMAND_H

#include "trace/filter.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum monitor_verb {
    MONITOR_NOTHING, /* an empty line */
    MONITOR_HELP,
    MONITOR_STATUS,
    MONITOR_START,
    MONITOR_STOP,
    MONITOR_FILTER,
    MONITOR_MARK,
    MONITOR_REGISTERS,
    MONITOR_MEMORY,
    MONITOR_COUNTERS,
    MONITOR_DUMP,
    MONITOR_RESET,
    MONITOR_POWEROFF,
};

#define MONITOR_MEMORY_MAX 4096u

struct monitor_command {
    enum monitor_verb verb;
    struct filter filter;    /* FILTER: what it is from now on */
    bool changes_filter;     /* else it is only shown */
    uint64_t address, bytes; /* MEMORY */
    const char *text;        /* MARK, a part of the line */
};

/* `c->filter` is the filter that holds now. False: `error` has one line that says what is wrong. */
bool monitor_parse(const char *line, struct monitor_command *c, char *error, size_t size);

/* The commands, a line each. */
size_t monitor_help(char *text, size_t size);

#endif
