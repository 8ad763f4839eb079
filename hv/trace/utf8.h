/* UTF-8 in the trace's texts: what META may hold (docs/format.md, Chunks). */
#ifndef ENGRAM_TRACE_UTF8_H
#define ENGRAM_TRACE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Length of the character at p, 0 when it is none (overlong forms, surrogates, beyond U+10FFFF) or left is 0.
 */
size_t utf8_length(const uint8_t *p, size_t left);

/* The character at p, which is one, is a control character: U+0000 to U+001F, U+007F to U+009F. */
bool utf8_is_control(const uint8_t *p);

/* Replaces control characters, newlines among them, and bytes that are no UTF-8 by a blank each. */
void utf8_clean(char *text, size_t bytes);

#endif
