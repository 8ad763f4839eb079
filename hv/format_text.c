/*
 * Text formatting: the part of printf that console.h lists. A conversion it does not know appears as it was
 * written, so that the mistake is seen.
 */
#include "console.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct text {
    char *out;
    size_t size, length;
};

/* The flags, width, precision and size of one conversion. */
struct conversion {
    bool left, zero, wide;
    size_t width, precision;
};
#define NO_PRECISION SIZE_MAX
#define NUMBER_MAX 10000 /* widths and precisions beyond this are taken as this */

static void put(struct text *t, char c)
{
    if (t->length + 1 < t->size)
        t->out[t->length++] = c;
}

static void put_repeated(struct text *t, char c, size_t count)
{
    while (count--)
        put(t, c);
}

/* `prefix` (a sign, 0x) stands before zero padding and behind blanks. */
static void put_field(struct text *t, const struct conversion *c, const char *prefix, const char *body,
                      size_t length)
{
    size_t prefix_length = strlen(prefix), total = prefix_length + length;
    size_t padding = c->width > total ? c->width - total : 0;

    if (!c->left && !c->zero)
        put_repeated(t, ' ', padding);
    while (*prefix)
        put(t, *prefix++);
    if (!c->left && c->zero)
        put_repeated(t, '0', padding);
    for (size_t i = 0; i < length; i++)
        put(t, body[i]);
    if (c->left)
        put_repeated(t, ' ', padding);
}

static void put_number(struct text *t, const struct conversion *c, const char *prefix, uint64_t value,
                       unsigned base, const char *digits)
{
    char buffer[20]; /* 2^64 has 20 decimal digits */
    size_t i = sizeof(buffer);

    do {
        buffer[--i] = digits[value % base];
        value /= base;
    } while (value);
    put_field(t, c, prefix, buffer + i, sizeof(buffer) - i);
}

static void put_string(struct text *t, struct conversion *c, const char *s)
{
    size_t length = 0;

    if (!s)
        s = "(null)";
    while (length < c->precision && s[length])
        length++;
    c->zero = false;
    put_field(t, c, "", s, length);
}

static const char *parse_number(const char *p, size_t *value)
{
    for (*value = 0; *p >= '0' && *p <= '9'; p++)
        if (*value < NUMBER_MAX)
            *value = *value * 10 + (size_t)(*p - '0');
    return p;
}

static const char *parse_flags(const char *p, struct conversion *c)
{
    for (;; p++)
        if (*p == '-')
            c->left = true;
        else if (*p == '0')
            c->zero = true;
        else
            return p;
}

static const char *parse_size(const char *p, struct conversion *c)
{
    for (; *p == 'l' || *p == 'z'; p++)
        c->wide = true;
    return p;
}

/* A va_list cannot be passed on by reference portably, but a structure that holds one can. */
struct arguments {
    va_list list;
};

/* Flags, width, precision and size; returns where the conversion's letter stands. */
static const char *parse_conversion(const char *p, struct conversion *c, struct arguments *args)
{
    *c = (struct conversion){.precision = NO_PRECISION};
    p = parse_flags(p, c);
    if (*p == '*') {
        int width = va_arg(args->list, int);

        c->left |= width < 0;
        c->width = width < 0 ? 0u - (unsigned)width : (unsigned)width;
        p++;
    } else {
        p = parse_number(p, &c->width);
    }
    if (c->width > NUMBER_MAX)
        c->width = NUMBER_MAX;
    if (*p == '.' && p[1] == '*') {
        int precision = va_arg(args->list, int);

        c->precision = precision < 0 ? NO_PRECISION : (size_t)precision;
        p += 2;
    } else if (*p == '.') {
        p = parse_number(p + 1, &c->precision);
    }
    return parse_size(p, c);
}

static uint64_t unsigned_argument(const struct conversion *c, struct arguments *args)
{
    return c->wide ? va_arg(args->list, unsigned long) : va_arg(args->list, unsigned);
}

static int64_t signed_argument(const struct conversion *c, struct arguments *args)
{
    return c->wide ? va_arg(args->list, long) : va_arg(args->list, int);
}

static bool put_conversion(struct text *t, struct conversion *c, char letter, struct arguments *args)
{
    static const char lower[] = "0123456789abcdef", upper[] = "0123456789ABCDEF";
    int64_t value;

    switch (letter) {
    case 'd':
    case 'i':
        value = signed_argument(c, args);
        put_number(t, c, value < 0 ? "-" : "", value < 0 ? -(uint64_t)value : (uint64_t)value, 10, lower);
        return true;
    case 'u':
        put_number(t, c, "", unsigned_argument(c, args), 10, lower);
        return true;
    case 'x':
        put_number(t, c, "", unsigned_argument(c, args), 16, lower);
        return true;
    case 'X':
        put_number(t, c, "", unsigned_argument(c, args), 16, upper);
        return true;
    case 'p':
        put_number(t, c, "0x", (uintptr_t)va_arg(args->list, void *), 16, lower);
        return true;
    case 's':
        put_string(t, c, va_arg(args->list, const char *));
        return true;
    case 'c':
        c->zero = false;
        put_field(t, c, "", (char[]){(char)va_arg(args->list, int)}, 1);
        return true;
    case '%':
        put(t, '%');
        return true;
    default:
        return false;
    }
}

size_t format_text_v(char *out, size_t size, const char *format, va_list list)
{
    struct text t = {.out = out, .size = size};
    struct arguments args;

    if (!size)
        return 0;
    va_copy(args.list, list);
    for (const char *p = format; *p;) {
        const char *start = p;
        struct conversion c;

        if (*p != '%') {
            put(&t, *p++);
            continue;
        }
        p = parse_conversion(p + 1, &c, &args);
        if (*p && put_conversion(&t, &c, *p, &args)) {
            p++;
            continue;
        }
        while (start < p)
            put(&t, *start++);
    }
    va_end(args.list);
    out[t.length] = '\0';
    return t.length;
}

size_t format_text(char *out, size_t size, const char *format, ...)
{
    va_list args;
    size_t length;

    va_start(args, format);
    length = format_text_v(out, size, format, args);
    va_end(args);
    return length;
}
