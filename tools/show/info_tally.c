/* The run's tally (docs/format.md): whose accesses they were, whether the ring still holds them or not. */
#include "color.h"
#include "show/info.h"
#include "text.h"

#include <string.h>

#define TALLY "tally."

struct group {
    const char *heading, *prefix;
};

static const char *name_in(const struct group *g, const char *key)
{
    if (strncmp(key, TALLY, strlen(TALLY)) != 0)
        return NULL;
    key += strlen(TALLY);
    if (!*g->prefix)
        return strchr(key, '.') ? NULL : key;
    return strncmp(key, g->prefix, strlen(g->prefix)) == 0 ? key + strlen(g->prefix) : NULL;
}

static void print_group(FILE *out, const struct meta *m, const struct group *g, uint64_t all)
{
    bool any = false;
    for (size_t i = 0; i < m->count; i++) {
        const char *name = name_in(g, m->entries[i].key);
        uint64_t n;
        if (!name || !meta_number(m, m->entries[i].key, &n))
            continue;
        if (!any)
            fprintf(out, "%s\n", g->heading);
        any = true;
        fputs("  ", out);
        put_text(out, name, strlen(name));
        fprintf(out, "%*s %16s  %5.1f%%\n", strlen(name) < 14 ? (int)(14 - strlen(name)) : 0, "", grouped(n),
                all ? 100.0 * (double)n / (double)all : 0);
    }
}

void info_print_tally(FILE *out, const struct info *info)
{
    static const struct group groups[] = {
        {"by kernel and user", ""}, {"by cause", "cause."}, {"by process (CR3)", "cr3."}};
    const struct meta *m = &info->walk.meta;
    uint64_t kernel = 0, user = 0;
    meta_number(m, TALLY "kernel", &kernel);
    meta_number(m, TALLY "user", &user);
    if (kernel + user == 0)
        return;
    fprintf(out, "\n%saccesses in the whole run%s\n", color(out, COLOR_BOLD), color(out, COLOR_END));
    for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
        print_group(out, m, &groups[i], kernel + user);
}
