/* Symbol tables. Nothing in a file is believed before it was compared with the file's length. */
#include "analyse/symbols.h"
#include "need.h"
#include "reader/cursor.h"
#include "text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SHT_SYMTAB 2u
#define SHT_DYNSYM 11u
#define STT_SECTION 3u
#define STT_FILE 4u

static void add(struct symbols *s, uint64_t address, uint64_t bytes, const char *name, size_t length)
{
    if (s->count == s->room) {
        s->room = s->room ? 2 * s->room : 256;
        s->list = need_resized(s->list, s->room, sizeof(*s->list));
    }
    char *copy = need(length + 1);
    memcpy(copy, name, length);
    copy[length] = 0;
    s->list[s->count++] = (struct symbol){address, bytes, copy};
}

/* ---- ELF ---------------------------------------------------------------------- */

struct elf {
    const uint8_t *file;
    size_t bytes;
    bool wide; /* ELF64 */
};

struct section {
    uint32_t type, link;
    uint64_t offset, bytes, entry_bytes;
};

static bool cursor_at(const struct elf *e, uint64_t offset, uint64_t bytes, struct cursor *c)
{
    if (offset > e->bytes || bytes > e->bytes - offset)
        return false;
    *c = (struct cursor){.at = e->file + offset, .end = e->file + offset + bytes};
    return true;
}

static bool read_section(const struct elf *e, uint64_t offset, struct section *s)
{
    struct cursor c;
    unsigned word = e->wide ? 8 : 4;
    if (!cursor_at(e, offset, e->wide ? 64 : 40, &c))
        return false;
    cursor_le(&c, 4);
    s->type = (uint32_t)cursor_le(&c, 4);
    cursor_le(&c, word); /* flags */
    cursor_le(&c, word); /* address */
    s->offset = cursor_le(&c, word);
    s->bytes = cursor_le(&c, word);
    s->link = (uint32_t)cursor_le(&c, 4);
    cursor_le(&c, 4);
    cursor_le(&c, word); /* alignment */
    s->entry_bytes = cursor_le(&c, word);
    return !c.bad;
}

static void read_symbol(struct symbols *out, const struct elf *e, uint64_t offset,
                        const struct section *names, uint64_t moved)
{
    struct cursor c;
    uint64_t value, bytes;
    if (!cursor_at(e, offset, e->wide ? 24 : 16, &c))
        return;
    uint32_t name = (uint32_t)cursor_le(&c, 4);
    uint8_t info;
    uint16_t section;
    if (e->wide) {
        info = cursor_u8(&c);
        cursor_u8(&c);
        section = (uint16_t)cursor_le(&c, 2);
        value = cursor_le(&c, 8);
        bytes = cursor_le(&c, 8);
    } else {
        value = cursor_le(&c, 4);
        bytes = cursor_le(&c, 4);
        info = cursor_u8(&c);
        cursor_u8(&c);
        section = (uint16_t)cursor_le(&c, 2);
    }
    if (section == 0 || (info & 15) == STT_SECTION || (info & 15) == STT_FILE || name >= names->bytes)
        return;
    if (!cursor_at(e, names->offset + name, names->bytes - name, &c))
        return;
    size_t length = strnlen((const char *)c.at, cursor_left(&c));
    if (length)
        add(out, value + moved, bytes, (const char *)c.at, length);
}

static void read_symbols(struct symbols *out, const struct elf *e, const struct section *s,
                         const struct section *names, uint64_t moved)
{
    uint64_t step = e->wide ? 24 : 16;
    if (s->offset > e->bytes || s->bytes > e->bytes - s->offset || (s->entry_bytes && s->entry_bytes != step))
        return;
    for (uint64_t at = 0; s->bytes - at >= step; at += step)
        read_symbol(out, e, s->offset + at, names, moved);
}

static void parse_elf(struct symbols *out, const struct elf *e, uint64_t moved)
{
    struct cursor c;
    struct section table = {0}, names;
    if (!cursor_at(e, e->wide ? 0x28 : 0x20, 8, &c))
        return;
    uint64_t sections = cursor_le(&c, e->wide ? 8 : 4);
    if (!cursor_at(e, e->wide ? 0x3a : 0x2e, 4, &c))
        return;
    uint64_t section_bytes = cursor_le(&c, 2), count = cursor_le(&c, 2);
    for (uint64_t i = 0; i < count; i++) {
        struct section s;
        if (sections > e->bytes || !read_section(e, sections + i * section_bytes, &s))
            return;
        /* .symtab has all that .dynsym has. */
        if (s.type == SHT_SYMTAB || (s.type == SHT_DYNSYM && !table.type))
            table = s;
    }
    if (table.type && table.link < count && read_section(e, sections + table.link * section_bytes, &names) &&
        names.offset <= e->bytes && names.bytes <= e->bytes - names.offset)
        read_symbols(out, e, &table, &names, moved);
}

/* ---- a list --------------------------------------------------------------------- */

static void parse_line(struct symbols *out, const char *line, const char *end, uint64_t moved)
{
    uint64_t address = 0;
    const char *p = line;
    for (; p < end && p - line < 16; p++) {
        const char *hex = "0123456789abcdef", *digit = memchr(hex, *p | 0x20, 16);
        if (!digit || *p == ' ')
            break;
        address = address << 4 | (uint64_t)(digit - hex);
    }
    if (p == line || end - p < 4 || p[0] != ' ' || p[2] != ' ')
        return;
    const char *name = p + 3, *stop = name;
    while (stop < end && (unsigned char)*stop > ' ')
        stop++;
    if (stop > name)
        add(out, address + moved, 0, name, (size_t)(stop - name));
}

static int by_address(const void *a, const void *b)
{
    const struct symbol *x = a, *y = b;
    if (x->address != y->address)
        return x->address < y->address ? -1 : 1;
    if ((x->bytes != 0) != (y->bytes != 0))
        return x->bytes ? 1 : -1; /* the last of several is found: the one that has a size */
    return strcmp(y->name, x->name);
}

bool symbols_parse(struct symbols *s, const uint8_t *file, size_t bytes, uint64_t offset)
{
    size_t before = s->count;
    if (bytes >= 16 && memcmp(file, "\177ELF", 4) == 0 && (file[4] == 1 || file[4] == 2) && file[5] == 1) {
        const struct elf e = {file, bytes, file[4] == 2};
        parse_elf(s, &e, offset);
    } else {
        for (const char *line = (const char *)file, *end = line + bytes; line < end;) {
            const char *stop = memchr(line, '\n', (size_t)(end - line));
            stop = stop ? stop : end;
            parse_line(s, line, stop, offset);
            line = stop + 1;
        }
    }
    if (s->count)
        qsort(s->list, s->count, sizeof(*s->list), by_address);
    return s->count > before;
}

static uint8_t *read_all(FILE *f, size_t *bytes)
{
    size_t room = 1 << 16, n;
    uint8_t *p = need(room);
    for (*bytes = 0; (n = fread(p + *bytes, 1, room - *bytes, f)) > 0;) {
        *bytes += n;
        if (*bytes == room)
            p = need_resized(p, room *= 2, 1);
    }
    return p;
}

const char *symbols_load(struct symbols *s, const char *spec)
{
    char *path = need_text(spec), *at = strrchr(path, '@');
    uint64_t offset = 0;
    struct range r = {0};
    if (at && parse_range(at + 1, &r)) {
        offset = r.first;
        *at = 0;
    }
    FILE *f = fopen(path, "re");
    const char *why = f ? NULL : strerror(errno);
    free(path);
    if (!f)
        return why;
    size_t bytes;
    uint8_t *file = read_all(f, &bytes);
    why = ferror(f) ? "cannot be read" : symbols_parse(s, file, bytes, offset) ? NULL : "holds no symbols";
    fclose(f);
    free(file);
    return why;
}

void symbols_free(struct symbols *s)
{
    for (size_t i = 0; i < s->count; i++)
        free(s->list[i].name);
    free(s->list);
    *s = (struct symbols){0};
}

const struct symbol *symbols_find(const struct symbols *s, uint64_t address)
{
    size_t low = 0, high = s->count;
    while (low < high) { /* those before `low` begin at or before the address */
        size_t middle = low + (high - low) / 2;
        if (s->list[middle].address <= address)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0)
        return NULL;
    const struct symbol *found = &s->list[low - 1];
    return found->bytes && address - found->address >= found->bytes ? NULL : found;
}
