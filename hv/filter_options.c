#include "filter_options.h"

#include "number.h"

#include <string.h>

#define RANGE_FORM "RANGES are FIRST-LAST or FIRST+BYTES, with commas between them"

/* One range, up to a comma or the end. */
static const char *parse_range(struct filter_ranges *r, const char *text, const char **end)
{
    uint64_t first, second;
    if (!read_number(text, &text, &first) || (*text != '-' && *text != '+'))
        return RANGE_FORM;
    bool is_size = *text++ == '+';
    if (!read_number(text, end, &second) || (**end != ',' && **end))
        return RANGE_FORM;
    if (is_size && second == 0)
        return "a range has at least 1 byte";
    uint64_t last = is_size ? first + (second - 1) : second;
    if (last < first)
        return "a range ends behind its beginning";
    return filter_add(r, first, last) ? NULL : "there are at most 8 ranges";
}

const char *filter_parse_ranges(struct filter_ranges *r, const char *text)
{
    const char *wrong;
    r->count = 0;
    if (strcmp(text, "all") == 0)
        return NULL;
    for (; !(wrong = parse_range(r, text, &text)) && *text == ','; text++)
        ;
    return wrong;
}

const char *filter_parse_levels(uint8_t *levels, const char *text)
{
    *levels = 0;
    if (strcmp(text, "all") == 0)
        return NULL;
    if (strcmp(text, "kernel") == 0) {
        *levels = 0x7;
        return NULL;
    }
    if (strcmp(text, "user") == 0) {
        *levels = 0x8;
        return NULL;
    }
    for (;; text += 2) {
        if (*text < '0' || *text > '3' || (text[1] && text[1] != ','))
            return "LEVELS are 0 to 3 with commas between them, kernel or user";
        *levels |= (uint8_t)(1u << (*text - '0'));
        if (!text[1])
            return NULL;
    }
}

const char *filter_parse_cr3(struct filter *f, const char *text)
{
    f->has_cr3 = strcmp(text, "all") != 0;
    f->cr3 = 0;
    if (!f->has_cr3)
        return NULL;
    if (!whole_number(text, (1ull << 52) - 1, &f->cr3) || f->cr3 & 0xfff)
        return "ADDR is the address of the top page table, such as 0x1000000: a multiple of 4096";
    return NULL;
}
