/* Numbers, ranges and foreign text on their way in from a command line and out to a person or a program. */
#ifndef ENGRAM_TEXT_H
#define ENGRAM_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Both ends included. */
struct range {
    uint64_t first, last;
};

/* A whole string as a number: decimal, or hexadecimal with 0x. False when it is none or too large. */
bool parse_number(const char *s, uint64_t *value);
/* "A-B" (both included), "A+LENGTH" or "A"; hexadecimal with or without 0x. */
bool parse_range(const char *s, struct range *r);
/* A size: a number with K, M, G or T behind it, or none. */
bool parse_size(const char *s, uint64_t *value);

/* "gpa" or "gva". */
bool parse_space(const char *s, bool *physical);

/* Does [start, start + bytes) overlap the range? Addresses wrap. */
bool range_overlaps(const struct range *r, uint64_t start, uint64_t bytes);

/* 1234567 as 1,234,567; the result lies in one of a few static buffers. */
const char *grouped(uint64_t n);
/* n bytes as "3.4 MiB"; static as above. */
const char *byte_size(uint64_t n);

/* Foreign text: what is no printable UTF-8 comes out as \xNN, so that no trace can drive the terminal. */
void put_text(FILE *out, const char *text, size_t bytes);
/* The same as a JSON string with its quotes; bytes that are no UTF-8 become U+FFFD. */
void put_json_text(FILE *out, const char *text, size_t bytes);

#endif
