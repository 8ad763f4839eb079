/* Text put together in a buffer by hand: printf() takes ten times as long, and there are millions of lines.
 * Each function writes at p and gives back where it ended; the buffer is the caller's, and long enough. */
#ifndef ENGRAM_EMIT_H
#define ENGRAM_EMIT_H

#include <stdint.h>
#include <string.h>

static inline char *emit_text(char *p, const char *text)
{
    size_t n = strlen(text);
    memcpy(p, text, n);
    return p + n;
}

static inline char *emit_hex(char *p, uint64_t n)
{
    unsigned digits = n ? (67 - (unsigned)__builtin_clzll(n)) / 4 : 1;
    for (unsigned i = digits; i-- > 0; n >>= 4)
        p[i] = "0123456789abcdef"[n & 15];
    return p + digits;
}

/* With leading zeros. */
static inline char *emit_hex_digits(char *p, uint64_t n, unsigned digits)
{
    for (unsigned i = digits; i-- > 0; n >>= 4)
        p[i] = "0123456789abcdef"[n & 15];
    return p + digits;
}

static inline char *emit_decimal(char *p, uint64_t n)
{
    char digits[20], *d = digits + sizeof(digits);
    do {
        *--d = (char)('0' + n % 10);
        n /= 10;
    } while (n);
    size_t length = (size_t)(digits + sizeof(digits) - d);
    memcpy(p, d, length);
    return p + length;
}

/* Bytes in memory order. */
static inline char *emit_bytes(char *p, const uint8_t *bytes, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        p = emit_hex_digits(p, bytes[i], 2);
    return p;
}

#endif
