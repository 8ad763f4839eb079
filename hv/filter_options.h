/*
 * The filter as options say it (docs/options.md). Each function reads the whole
 * of `text` ("all" takes the limit away) and returns NULL, or what is wrong.
 */
#ifndef ENGRAM_FILTER_OPTIONS_H
#define ENGRAM_FILTER_OPTIONS_H

#include "trace/filter.h"

/* FIRST-LAST or FIRST+BYTES, several with commas between them. */
const char *filter_parse_ranges(struct filter_ranges *r, const char *text);

/* Numbers 0 to 3 with commas between them; kernel is 0 to 2, user 3. */
const char *filter_parse_levels(uint8_t *levels, const char *text);

/* Where the top table lies. */
const char *filter_parse_cr3(struct filter *f, const char *text);

#endif
