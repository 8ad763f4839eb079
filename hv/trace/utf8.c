#include "trace/utf8.h"

#include <string.h>

size_t utf8_length(const uint8_t *p, size_t left)
{
    if (left == 0)
        return 0;
    size_t n = p[0] < 0x80 ? 1 : p[0] < 0xc2 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : p[0] < 0xf5 ? 4 : 0;
    if (n == 0 || n > left)
        return 0;
    for (size_t i = 1; i < n; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    bool bad = (p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
               (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f);
    return bad ? 0 : n;
}

bool utf8_is_control(const uint8_t *p)
{
    return p[0] < ' ' || p[0] == 0x7f || (p[0] == 0xc2 && p[1] < 0xa0);
}

void utf8_clean(char *text, size_t bytes)
{
    uint8_t *p = (uint8_t *)text;

    for (size_t at = 0, n; at < bytes; at += n) {
        n = utf8_length(p + at, bytes - at);
        if (n == 0)
            n = 1;
        else if (!utf8_is_control(p + at))
            continue;
        memset(p + at, ' ', n);
    }
}
