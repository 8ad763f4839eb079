/* META text, taken apart once; damaged lines are counted and left out. */
#include "reader/meta.h"
#include "trace/format.h"
#include "trace/utf8.h"

#include <stdlib.h>
#include <string.h>

size_t utf8_valid(const uint8_t *text, size_t bytes)
{
    size_t at = 0, n;
    while (at < bytes && (n = utf8_length(text + at, bytes - at)) != 0)
        at += n;
    return at;
}

/* In valid UTF-8. */
static bool has_control(const char *line, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        if (utf8_is_control((const uint8_t *)line + i))
            return true;
    return false;
}

static bool line_is_sound(const char *line, size_t bytes)
{
    return bytes <= META_LINE_MAX && memchr(line, '=', bytes) &&
           utf8_valid((const uint8_t *)line, bytes) == bytes && !has_control(line, bytes);
}

bool meta_parse(struct meta *m, const uint8_t *text, size_t bytes)
{
    *m = (struct meta){0};
    size_t lines = 1;
    for (size_t i = 0; i < bytes; i++)
        lines += text[i] == '\n';
    m->text = malloc(bytes + 1);
    m->entries = calloc(lines, sizeof(*m->entries));
    if (!m->text || !m->entries) {
        meta_free(m);
        return false;
    }
    memcpy(m->text, text, bytes);
    m->text[bytes] = 0;
    for (char *line = m->text, *end = m->text + bytes; line < end;) {
        char *stop = memchr(line, '\n', (size_t)(end - line));
        stop = stop ? stop : end;
        if (line_is_sound(line, (size_t)(stop - line))) {
            char *equals = memchr(line, '=', (size_t)(stop - line));
            *equals = *stop = 0;
            m->entries[m->count++] = (struct meta_entry){line, equals + 1};
        } else if (stop != line) {
            m->bad_lines++;
        }
        line = stop + 1;
    }
    return true;
}

void meta_free(struct meta *m)
{
    free(m->text);
    free(m->entries);
    *m = (struct meta){0};
}

const char *meta_get(const struct meta *m, const char *key)
{
    for (size_t i = 0; i < m->count; i++)
        if (strcmp(m->entries[i].key, key) == 0)
            return m->entries[i].value;
    return NULL;
}

bool meta_number(const struct meta *m, const char *key, uint64_t *value)
{
    const char *s = meta_get(m, key);
    if (!s || !*s)
        return false;
    uint64_t v = 0;
    for (; *s; s++) {
        unsigned digit = (unsigned)(*s - '0');
        if (digit > 9 || v > (UINT64_MAX - digit) / 10)
            return false;
        v = 10 * v + digit;
    }
    *value = v;
    return true;
}

bool meta_equal(const struct meta *a, const struct meta *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++)
        if (strcmp(a->entries[i].key, b->entries[i].key) != 0 ||
            strcmp(a->entries[i].value, b->entries[i].value) != 0)
            return false;
    return true;
}
