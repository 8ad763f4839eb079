/*
 * What the compiler may call in freestanding code. Copies are REP MOVSQ: fast strings are in every processor
 * with VMX, and vector registers hold the guest's values; where CPL 0 is emulated, an iteration is a step,
 * and moves eight bytes. Its start takes longer than a short copy as a whole, so up to 16 bytes go as two
 * words that may overlap.
 */
#include "trace/bytes.h"

#include <stdint.h>
#include <string.h>

/* Without this the compiler may recognise the loops below and turn strlen into a call of itself. */
#pragma GCC optimize("no-tree-loop-distribute-patterns")

/* Both words are read before one is written: this serves memmove() too. */
static void copy_short(uint8_t *d, const uint8_t *s, size_t n)
{
    if (n >= 8) {
        uint64_t first = load64(s), last = load64(s + n - 8);
        store64(d, first);
        store64(d + n - 8, last);
    } else if (n >= 4) {
        uint32_t first = load32(s), last = load32(s + n - 4);
        store32(d, first);
        store32(d + n - 4, last);
    } else if (n >= 2) {
        uint16_t first = load16(s), last = load16(s + n - 2);
        store16(d, first);
        store16(d + n - 2, last);
    } else if (n) {
        *d = *s;
    }
}

void *memcpy(void *restrict to, const void *restrict from, size_t n)
{
    uint8_t *d = to;
    const uint8_t *s = from;

    if (n <= 16) {
        copy_short(d, s, n);
        return to;
    }
    uint8_t *end = d + n - 8;
    uint64_t last = load64(s + n - 8);
    size_t words = n / 8;
    __asm__ volatile("rep movsq" : "+D"(d), "+S"(s), "+c"(words) : : "memory");
    store64(end, last);
    return to;
}

void *memmove(void *to, const void *from, size_t n)
{
    unsigned char *d = to;
    const unsigned char *s = from;

    /* As unsigned distance: true for `to` before `from`, and behind its end. */
    if ((uintptr_t)d - (uintptr_t)s >= n)
        return memcpy(to, from, n);
    while (n--)
        d[n] = s[n];
    return to;
}

void *memset(void *to, int value, size_t n)
{
    uint8_t *d = to;
    uint64_t word = (uint8_t)value * 0x0101010101010101ull;
    size_t words = n / 8;

    if (n < 8) {
        __asm__ volatile("rep stosb" : "+D"(d), "+c"(n) : "a"(word) : "memory");
        return to;
    }
    store64(d + n - 8, word);
    __asm__ volatile("rep stosq" : "+D"(d), "+c"(words) : "a"(word) : "memory");
    return to;
}

int memcmp(const void *a, const void *b, size_t n)
{
    const unsigned char *p = a, *q = b;

    for (size_t i = 0; i < n; i++)
        if (p[i] != q[i])
            return p[i] - q[i];
    return 0;
}

size_t strlen(const char *s)
{
    size_t n = 0;

    while (s[n])
        n++;
    return n;
}

int strcmp(const char *a, const char *b)
{
    while (*a && *a == *b)
        a++, b++;
    return (unsigned char)*a - (unsigned char)*b;
}

int strncmp(const char *a, const char *b, size_t n)
{
    for (; n; n--, a++, b++)
        if (*a != *b || !*a)
            return (unsigned char)*a - (unsigned char)*b;
    return 0;
}
