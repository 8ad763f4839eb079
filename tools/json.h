/* JSON, written from front to back; commas come by themselves. `key` is NULL in a list and at the top. */
#ifndef ENGRAM_JSON_H
#define ENGRAM_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct json {
    FILE *out;
    bool comma; /* something stands before in this list or object */
};

void json_object(struct json *j, const char *key);
void json_list(struct json *j, const char *key);
void json_end_object(struct json *j);
void json_end_list(struct json *j);

void json_number(struct json *j, const char *key, uint64_t n);
void json_real(struct json *j, const char *key, double n);
void json_bool(struct json *j, const char *key, bool yes);
void json_null(struct json *j, const char *key);
/* "0x..." */
void json_hex(struct json *j, const char *key, uint64_t n);
void json_text(struct json *j, const char *key, const char *text);
/* The same with a key of any text. */
void json_foreign(struct json *j, const char *key, const char *text);

#endif
