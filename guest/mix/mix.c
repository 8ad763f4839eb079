#include "mix.h"

#define LINE_BYTES 160u

static const struct part {
    const char *name;
    uint64_t (*run)(uint64_t seed);
} part[] = {{"sort", mix_sort},   {"hash", mix_hash}, {"copy", mix_copy},     {"text", mix_text},
            {"table", mix_table}, {"tree", mix_tree}, {"matrix", mix_matrix}, {"list", mix_list}};

struct choice {
    uint32_t rounds;
    bool wanted[COUNT(part)];
};

/* The text behind `prefix`, or NULL. */
static const char *behind(const char *text, const char *prefix)
{
    while (*prefix)
        if (*text++ != *prefix++)
            return NULL;
    return text;
}

static bool ends_word(char c)
{
    return c == ' ' || c == '\0';
}

static const char *take_number(const char *p, uint32_t *value)
{
    uint32_t v = 0;
    if (*p < '0' || *p > '9')
        return NULL;
    for (; *p >= '0' && *p <= '9'; p++) {
        if (v > (UINT32_MAX - 9) / 10)
            return NULL;
        v = v * 10 + (uint32_t)(*p - '0');
    }
    *value = v;
    return p;
}

static const char *take_parts(const char *p, struct choice *c)
{
    memset(c->wanted, 0, sizeof c->wanted);
    for (;; p++) {
        const char *end = NULL;
        for (size_t i = 0; i < COUNT(part) && !end; i++) {
            end = behind(p, part[i].name);
            if (end && (*end == ',' || ends_word(*end)))
                c->wanted[i] = true;
            else
                end = NULL;
        }
        if (!end)
            return NULL;
        p = end;
        if (*p != ',')
            return p;
    }
}

/* A first word without `=` is the kernel's name, as some boot loaders put it there. */
static const char *skip_name(const char *p)
{
    const char *end = p;
    while (!ends_word(*end) && *end != '=')
        end++;
    return *end == '=' ? p : end;
}

static bool parse(const char *p, struct choice *c)
{
    c->rounds = 1;
    memset(c->wanted, 1, sizeof c->wanted);
    p = skip_name(p);
    while (*p) {
        const char *value;
        if (*p == ' ') {
            p++;
            continue;
        }
        if ((value = behind(p, "n=")))
            p = take_number(value, &c->rounds);
        else if ((value = behind(p, "parts=")))
            p = take_parts(value, c);
        else
            p = NULL;
        if (!p || !ends_word(*p))
            return false;
    }
    return true;
}

static void put_sum(void (*put)(const char *), const char *name, uint64_t sum)
{
    char line[LINE_BYTES];
    mix_format(line, sizeof line, "checksum %s %08x%08x\n", name, (unsigned)(sum >> 32), (unsigned)sum);
    put(line);
}

static void put_usage(void (*put)(const char *))
{
    char line[LINE_BYTES];
    size_t n = mix_format(line, sizeof line, "mix: error: the arguments are n=ROUNDS and parts=");
    for (size_t i = 0; i < COUNT(part); i++)
        n += mix_format(line + n, sizeof line - n, "%s%s", i ? "," : "", part[i].name);
    put(line);
    put("\n");
}

bool mix_run(const char *arguments, void (*put)(const char *text))
{
    static struct choice choice;
    static uint64_t sum[COUNT(part)];
    uint64_t all = 0;

    put("BOOT\n");
    if (!parse(arguments, &choice)) {
        put_usage(put);
        return false;
    }
    put("START\n");
    for (uint32_t round = 0; round < choice.rounds; round++)
        for (size_t i = 0; i < COUNT(part); i++)
            if (choice.wanted[i])
                sum[i] = fold(sum[i], part[i].run((uint64_t)round << 8 | i));
    put("STOP\n");
    for (size_t i = 0; i < COUNT(part); i++)
        if (choice.wanted[i]) {
            put_sum(put, part[i].name, sum[i]);
            all = fold(all, sum[i]);
        }
    put_sum(put, "all", all);
    return true;
}
