/*
 * A line that is typed on a terminal: echo, cursor, and the keys that people know
 * from shells. Any bytes may come; what is no key is not taken.
 */
#ifndef ENGRAM_MONITOR_EDIT_H
#define ENGRAM_MONITOR_EDIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EDIT_LINE_MAX 127u
#define EDIT_HISTORY 8u

struct edit {
    const char *prompt;
    void (*put)(const char *text); /* to the terminal */
    char line[EDIT_LINE_MAX + 1];
    size_t length, cursor;
    char history[EDIT_HISTORY][EDIT_LINE_MAX + 1]; /* the newest first */
    unsigned shown;                                /* of the history; 0: none, the line is new */
    enum { EDIT_PLAIN, EDIT_ESCAPE, EDIT_SEQUENCE } state;
    uint8_t parameter; /* of an escape sequence */
    bool ended;        /* the line was handed over */
};

void edit_init(struct edit *e, const char *prompt, void (*put)(const char *text));

/* The prompt, with what was typed so far. */
void edit_show(struct edit *e);

/* True when `byte` ends the line, which is then in e->line until the next byte. */
bool edit_byte(struct edit *e, uint8_t byte);

#endif
