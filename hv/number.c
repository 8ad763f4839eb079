#include "number.h"

static int digit_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return 99;
}

bool read_number(const char *s, const char **end, uint64_t *value)
{
    unsigned base = 10;
    const char *first;

    if (s[0] == '0' && (s[1] == 'x' || s[1] == 'X')) {
        base = 16;
        s += 2;
    }
    *value = 0;
    for (first = s; digit_value(*s) < (int)base; s++) {
        unsigned digit = (unsigned)digit_value(*s);

        if (*value > (UINT64_MAX - digit) / base)
            return false;
        *value = *value * base + digit;
    }
    *end = s;
    return s != first;
}

bool whole_number(const char *s, uint64_t max, uint64_t *value)
{
    const char *end;

    return read_number(s, &end, value) && !*end && *value <= max;
}
