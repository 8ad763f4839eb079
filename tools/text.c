/* Text in and out. */
#include "text.h"
#include "reader/meta.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static int digit_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return 16;
}

/* Digits of a base up to *end, at least one. */
static bool parse_digits(const char *s, unsigned base, uint64_t *value, const char **end)
{
    uint64_t v = 0;
    const char *p = s;
    for (unsigned d; (d = (unsigned)digit_value(*p)) < base; p++) {
        if (v > (UINT64_MAX - d) / base)
            return false;
        v = v * base + d;
    }
    *value = v;
    *end = p;
    return p != s;
}

static const char *skip_0x(const char *s)
{
    return s[0] == '0' && (s[1] == 'x' || s[1] == 'X') ? s + 2 : s;
}

bool parse_number(const char *s, uint64_t *value)
{
    const char *digits = skip_0x(s), *end;
    return parse_digits(digits, digits == s ? 10 : 16, value, &end) && *end == 0;
}

bool parse_range(const char *s, struct range *r)
{
    const char *end;
    uint64_t second;
    if (!parse_digits(skip_0x(s), 16, &r->first, &end))
        return false;
    r->last = r->first;
    if (*end == 0)
        return true;
    char sign = *end;
    if ((sign != '-' && sign != '+') || !parse_digits(skip_0x(end + 1), 16, &second, &end) || *end != 0)
        return false;
    if (sign == '+' && (second == 0 || second - 1 > UINT64_MAX - r->first))
        return false;
    r->last = sign == '+' ? r->first + (second - 1) : second;
    return r->last >= r->first;
}

bool parse_size(const char *s, uint64_t *value)
{
    static const char units[] = "KMGT";
    const char *end;
    if (!parse_digits(s, 10, value, &end))
        return false;
    if (*end == 0)
        return true;
    const char *unit = strchr(units, *end & ~0x20);
    unsigned shift = unit ? 10 * (unsigned)(unit - units + 1) : 0;
    if (!unit || end[1] != 0 || *value > (UINT64_MAX >> shift))
        return false;
    *value <<= shift;
    return true;
}

bool range_overlaps(const struct range *r, uint64_t start, uint64_t bytes)
{
    uint64_t last = start + (bytes - 1);
    if (last < start) /* around the end of the address space */
        return r->last >= start || r->first <= last;
    return start <= r->last && last >= r->first;
}

/* One of a few buffers in turn, so that several results fit in one printf. */
static char *next_buffer(void)
{
    static char buffers[8][40];
    static unsigned turn;
    return buffers[turn++ % 8];
}

const char *grouped(uint64_t n)
{
    char *p = next_buffer() + 39;
    *p = 0;
    for (int digits = 0; digits == 0 || n; digits++, n /= 10) {
        if (digits && digits % 3 == 0)
            *--p = ',';
        *--p = (char)('0' + n % 10);
    }
    return p;
}

const char *byte_size(uint64_t n)
{
    static const char *const unit[] = {"bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    char *p = next_buffer();
    unsigned u = 0;
    double v = (double)n;
    for (; v >= 1024 && u < 6; u++)
        v /= 1024;
    if (u == 0)
        snprintf(p, 40, "%" PRIu64 " bytes", n);
    else
        snprintf(p, 40, "%.1f %s", v, unit[u]);
    return p;
}

void put_text(FILE *out, const char *text, size_t bytes)
{
    for (size_t i = 0; i < bytes;) {
        size_t n = utf8_valid((const uint8_t *)text + i, bytes - i);
        n = n ? n : 1;
        for (size_t j = i; j < i + n; j++) {
            uint8_t byte = (uint8_t)text[j];
            /* C1 controls (C2 80 to C2 9F) can drive a terminal as well. */
            bool c1 = byte == 0xc2 && j + 1 < i + n && (uint8_t)text[j + 1] < 0xa0;
            bool c1_tail = j > i && (uint8_t)text[j - 1] == 0xc2 && byte < 0xa0 && byte >= 0x80;
            bool lone = n == 1 && byte >= 0x80;
            if (byte < 0x20 || byte == 0x7f || c1 || c1_tail || lone)
                fprintf(out, "\\x%02x", byte);
            else
                fputc(byte, out);
        }
        i += n;
    }
}

void put_json_text(FILE *out, const char *text, size_t bytes)
{
    fputc('"', out);
    for (size_t i = 0; i < bytes;) {
        size_t n = utf8_valid((const uint8_t *)text + i, bytes - i);
        if (n == 0) {
            fputs("\\ufffd", out);
            i++;
            continue;
        }
        for (size_t end = i + n; i < end; i++) {
            uint8_t byte = (uint8_t)text[i];
            if (byte == '"' || byte == '\\')
                fprintf(out, "\\%c", byte);
            else if (byte < 0x20 || byte == 0x7f)
                fprintf(out, "\\u%04x", byte);
            else
                fputc(byte, out);
        }
    }
    fputc('"', out);
}

bool parse_space(const char *s, bool *physical)
{
    *physical = strcmp(s, "gpa") == 0;
    return *physical || strcmp(s, "gva") == 0;
}
