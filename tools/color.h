/* Colours, on a terminal alone; none with NO_COLOR set, or TERM=dumb. */
#ifndef ENGRAM_COLOR_H
#define ENGRAM_COLOR_H

#include <stdio.h>

enum color { COLOR_END, COLOR_BOLD, COLOR_GOOD, COLOR_BAD, COLOR_READ, COLOR_WRITE, COLOR_DIM };

/* What begins the colour on this stream, "" where there are none. */
const char *color(FILE *out, enum color c);

#endif
