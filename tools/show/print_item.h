/* One item of a trace as a line of text, in one of three forms. */
#ifndef ENGRAM_PRINT_ITEM_H
#define ENGRAM_PRINT_ITEM_H

#include "reader/decode.h"

#include <stdio.h>

enum print_form { PRINT_LINES, PRINT_JSON, PRINT_ORACLE };

/* PRINT_ORACLE prints accesses only: "W gva gpa size data", see `engram print --help`. */
void print_item(FILE *out, const struct trace_item *item, enum print_form form);

#endif
