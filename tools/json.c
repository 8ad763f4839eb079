/* A JSON writer. */
#include "json.h"
#include "text.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

static void begin(struct json *j, const char *key)
{
    if (j->comma)
        fputc(',', j->out);
    j->comma = true;
    if (key)
        fprintf(j->out, "\"%s\":", key);
}

void json_object(struct json *j, const char *key)
{
    begin(j, key);
    fputc('{', j->out);
    j->comma = false;
}

void json_list(struct json *j, const char *key)
{
    begin(j, key);
    fputc('[', j->out);
    j->comma = false;
}

void json_end_object(struct json *j)
{
    fputc('}', j->out);
    j->comma = true;
}

void json_end_list(struct json *j)
{
    fputc(']', j->out);
    j->comma = true;
}

void json_number(struct json *j, const char *key, uint64_t n)
{
    begin(j, key);
    fprintf(j->out, "%" PRIu64, n);
}

void json_real(struct json *j, const char *key, double n)
{
    begin(j, key);
    if (isfinite(n))
        fprintf(j->out, "%.9g", n);
    else
        fputs("null", j->out);
}

void json_bool(struct json *j, const char *key, bool yes)
{
    begin(j, key);
    fputs(yes ? "true" : "false", j->out);
}

void json_null(struct json *j, const char *key)
{
    begin(j, key);
    fputs("null", j->out);
}

void json_hex(struct json *j, const char *key, uint64_t n)
{
    begin(j, key);
    fprintf(j->out, "\"0x%" PRIx64 "\"", n);
}

void json_text(struct json *j, const char *key, const char *text)
{
    begin(j, key);
    put_json_text(j->out, text, strlen(text));
}

void json_foreign(struct json *j, const char *key, const char *text)
{
    begin(j, NULL);
    put_json_text(j->out, key, strlen(key));
    fputc(':', j->out);
    put_json_text(j->out, text, strlen(text));
}
