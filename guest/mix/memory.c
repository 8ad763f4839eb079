/* Plain C, a word at a time: the mix's own, in the guest and in the process. */
#include "mix.h"

typedef uintptr_t __attribute__((may_alias, aligned(1))) word;

static void forwards(unsigned char *d, const unsigned char *s, size_t n)
{
    for (; n >= sizeof(word); n -= sizeof(word), d += sizeof(word), s += sizeof(word))
        *(word *)d = *(const word *)s;
    while (n--)
        *d++ = *s++;
}

void *memcpy(void *restrict to, const void *restrict from, size_t n)
{
    forwards(to, from, n);
    return to;
}

void *memmove(void *to, const void *from, size_t n)
{
    unsigned char *d = to;
    const unsigned char *s = from;

    /* As unsigned distance: true for `to` before `from`, and behind its end. */
    if ((uintptr_t)d - (uintptr_t)s >= n) {
        forwards(d, s, n);
        return to;
    }
    for (; n >= sizeof(word); n -= sizeof(word))
        *(word *)(d + n - sizeof(word)) = *(const word *)(s + n - sizeof(word));
    while (n--)
        d[n] = s[n];
    return to;
}

void *memset(void *to, int value, size_t n)
{
    unsigned char *d = to;
    uintptr_t pattern = (unsigned char)value * (UINTPTR_MAX / 255);

    for (; n >= sizeof(word); n -= sizeof(word), d += sizeof(word))
        *(word *)d = pattern;
    while (n--)
        *d++ = (unsigned char)value;
    return to;
}

int memcmp(const void *a, const void *b, size_t n)
{
    const unsigned char *p = a, *q = b;

    for (; n; n--, p++, q++)
        if (*p != *q)
            return *p - *q;
    return 0;
}
