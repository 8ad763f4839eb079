/* How code that must not halt the machine says what is wrong: one line of text and `false`. */
#ifndef ENGRAM_ERROR_TEXT_H
#define ENGRAM_ERROR_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* Writes the line (cut to `size`) and returns false, so that a check is `return error_text(…)`. */
bool error_text(char *error, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
