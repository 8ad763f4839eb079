/* The keyboard of `engram console`: what is typed goes to the line as it is, key by key. */
#ifndef ENGRAM_KEYBOARD_H
#define ENGRAM_KEYBOARD_H

#include "recv/line.h"

#include <stdbool.h>
#include <termios.h>

#define KEYBOARD_QUIT 0x1c /* Ctrl-\ */

struct keyboard {
    bool open;
    bool is_tty;
    struct termios before;
};

/* Standard input; on a terminal without echo and signals until keyboard_close(). */
void keyboard_open(struct keyboard *k);
void keyboard_close(struct keyboard *k);

/* Sends what has been typed. False: the key that ends it. At the end of standard input nothing more is typed.
 */
bool keyboard_send(struct keyboard *k, struct line *line);

#endif
