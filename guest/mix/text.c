/* Formats lines of names and numbers, and takes them apart again. */
#include "mix.h"

#include <stdarg.h>

#define LINES 180u
#define LINE_BYTES 128u

struct output {
    char *to;
    size_t size, length;
};

static void put_char(struct output *o, char c)
{
    if (o->length + 1 < o->size)
        o->to[o->length] = c;
    o->length++;
}

static void put_padded(struct output *o, const char *text, size_t n, unsigned width, char padding)
{
    for (size_t i = n; i < width; i++)
        put_char(o, padding);
    for (size_t i = 0; i < n; i++)
        put_char(o, text[i]);
}

static void put_number(struct output *o, uint32_t value, unsigned base, bool negative, unsigned width,
                       char padding)
{
    char digits[12];
    size_t n = sizeof digits;

    do
        digits[--n] = "0123456789abcdef"[value % base];
    while (value /= base);
    if (negative)
        digits[--n] = '-';
    put_padded(o, digits + n, sizeof digits - n, width, padding);
}

static size_t length_of(const char *text)
{
    size_t n = 0;
    while (text[n])
        n++;
    return n;
}

static void format_to(struct output *o, const char *format, va_list args)
{
    for (; *format; format++) {
        unsigned width = 0;
        char padding = ' ';
        if (*format != '%') {
            put_char(o, *format);
            continue;
        }
        if (*++format == '0')
            padding = *format++;
        for (; *format >= '0' && *format <= '9'; format++)
            width = width * 10 + (unsigned)(*format - '0');
        switch (*format) {
        case 's': {
            const char *text = va_arg(args, const char *);
            put_padded(o, text, length_of(text), width, ' ');
            break;
        }
        case 'c':
            put_char(o, (char)va_arg(args, int));
            break;
        case 'd': {
            int value = va_arg(args, int);
            put_number(o, value < 0 ? -(uint32_t)value : (uint32_t)value, 10, value < 0, width, padding);
            break;
        }
        case 'u':
            put_number(o, va_arg(args, unsigned), 10, false, width, padding);
            break;
        case 'x':
            put_number(o, va_arg(args, unsigned), 16, false, width, padding);
            break;
        default:
            put_char(o, *format);
        }
    }
}

size_t mix_format(char *to, size_t size, const char *format, ...)
{
    struct output o = {to, size, 0};
    va_list args;

    va_start(args, format);
    format_to(&o, format, args);
    va_end(args);
    if (size)
        to[o.length < size ? o.length : size - 1] = '\0';
    return o.length;
}

/* ---- tokens ---- */

enum kind { END, NAME, NUMBER, SIGN };

struct token {
    enum kind kind;
    const char *start;
    size_t length;
    uint32_t value;
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static const char *take_token(const char *p, struct token *t)
{
    while (*p == ' ')
        p++;
    *t = (struct token){.kind = *p ? SIGN : END, .start = p};
    if (is_letter(*p)) {
        t->kind = NAME;
        for (; is_letter(*p) || is_digit(*p); p++)
            t->value = t->value * 31 + (uint8_t)*p;
    } else if (is_digit(*p)) {
        t->kind = NUMBER;
        for (; is_digit(*p); p++)
            t->value = t->value * 10 + (uint32_t)(*p - '0');
    } else if (*p) {
        t->value = (uint8_t)*p++;
    }
    t->length = (size_t)(p - t->start);
    return p;
}

uint64_t mix_text(uint64_t seed)
{
    static const char *const name[] = {"alpha", "beta", "counter_of_things", "d", "epsilon7"};
    static char line[LINE_BYTES];
    uint64_t sum = 0;

    for (uint32_t i = 0; i < LINES; i++) {
        uint64_t r = next_random(&seed);
        struct token t;
        size_t n =
            mix_format(line, sizeof line, "%5u %s = %d + 0x%08x; %c%12s(%u, %u)", i, name[r % COUNT(name)],
                       (int)(r >> 20 & 0xffff) - 0x8000, (unsigned)(r >> 32), (char)('a' + (r >> 8) % 26),
                       name[(r >> 4) % COUNT(name)], (unsigned)(r & 0xff), (unsigned)r);
        sum = fold(sum, n);
        for (const char *p = take_token(line, &t); t.kind != END; p = take_token(p, &t))
            sum = fold(sum, (uint64_t)t.value << 8 ^ t.kind ^ t.length << 2);
    }
    return sum;
}
