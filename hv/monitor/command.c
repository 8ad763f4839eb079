#include "monitor/command.h"

#include "console.h"
#include "error_text.h"
#include "filter_options.h"
#include "number.h"
#include "types.h"

#include <string.h>

#define WORD_MAX 127u
#define MEMORY_PRESET 64u

static const struct verb {
    const char *name, *form, *what;
    enum monitor_verb verb;
} verbs[] = {
    {"help", "", "this list", MONITOR_HELP},
    {"status", "", "the engine, whether it records, events and losses, how full the ring is", MONITOR_STATUS},
    {"start", "", "records from now on", MONITOR_START},
    {"stop", "", "records nothing from now on; the guest runs on", MONITOR_STOP},
    {"filter", " [gpa=RANGES] [gva=RANGES] [cpl=LEVELS] [cr3=ADDR]",
     "what is recorded from now on; alone: shows it", MONITOR_FILTER},
    {"mark", " TEXT", "puts a text into the trace", MONITOR_MARK},
    {"regs", "", "the guest's registers", MONITOR_REGISTERS},
    {"mem", " ADDR [BYTES]", "guest-physical memory", MONITOR_MEMORY},
    {"counters", "", "the engine's counters", MONITOR_COUNTERS},
    {"dump", "", "ends the run and sends the trace", MONITOR_DUMP},
    {"reset", "", "the same, then resets the machine", MONITOR_RESET},
    {"poweroff", "", "the same, then switches the machine off", MONITOR_POWEROFF},
};

size_t monitor_help(char *text, size_t size)
{
    size_t n = 0;
    for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
        n += format_text(text + n, size - n, "%s%s: %s\n", verbs[i].name, verbs[i].form, verbs[i].what);
    return n + format_text(text + n, size - n, "Ctrl-]: back to the guest\n");
}

static const char *skip_blanks(const char *p)
{
    while (*p == ' ')
        p++;
    return p;
}

/* The next word, cut to WORD_MAX, and what follows it. */
static const char *next_word(const char *p, char word[WORD_MAX + 1])
{
    size_t n = 0;
    for (p = skip_blanks(p); *p && *p != ' '; p++)
        if (n < WORD_MAX)
            word[n++] = *p;
    word[n] = '\0';
    return skip_blanks(p);
}

static const char *value_of(const char *word, const char *name)
{
    size_t n = strlen(name);
    return strncmp(word, name, n) == 0 && word[n] == '=' ? word + n + 1 : NULL;
}

static bool set_filter(struct filter *f, const char *word, char *error, size_t size)
{
    const char *value, *wrong;
    if ((value = value_of(word, "gpa")))
        wrong = filter_parse_ranges(&f->gpa, value);
    else if ((value = value_of(word, "gva")))
        wrong = filter_parse_ranges(&f->gva, value);
    else if ((value = value_of(word, "cpl")))
        wrong = filter_parse_levels(&f->levels, value);
    else if ((value = value_of(word, "cr3")))
        wrong = filter_parse_cr3(f, value);
    else
        wrong = "a filter is gpa=, gva=, cpl= or cr3=";
    return !wrong || error_text(error, size, "%s: %s", word, wrong);
}

static bool parse_filter(const char *rest, struct monitor_command *c, char *error, size_t size)
{
    char word[WORD_MAX + 1];
    c->changes_filter = *rest != '\0';
    while (*rest) {
        rest = next_word(rest, word);
        if (!set_filter(&c->filter, word, error, size))
            return false;
    }
    return true;
}

static bool parse_memory(const char *rest, struct monitor_command *c, char *error, size_t size)
{
    char word[WORD_MAX + 1];
    rest = next_word(rest, word);
    if (!whole_number(word, UINT64_MAX, &c->address))
        return error_text(error, size, "mem ADDR [BYTES]: ADDR is a guest-physical address such as 0x100000");
    c->bytes = MEMORY_PRESET;
    if (!*rest)
        return true;
    rest = next_word(rest, word);
    if (*rest || !whole_number(word, MONITOR_MEMORY_MAX, &c->bytes) || c->bytes == 0)
        return error_text(error, size, "mem ADDR [BYTES]: BYTES is a number up to %u", MONITOR_MEMORY_MAX);
    return true;
}

static bool parse_rest(const char *rest, struct monitor_command *c, char *error, size_t size)
{
    switch (c->verb) {
    case MONITOR_FILTER:
        return parse_filter(rest, c, error, size);
    case MONITOR_MEMORY:
        return parse_memory(rest, c, error, size);
    case MONITOR_MARK:
        c->text = rest;
        return *rest || error_text(error, size, "mark TEXT: the text is missing");
    default:
        return !*rest || error_text(error, size, "this command takes nothing behind it");
    }
}

bool monitor_parse(const char *line, struct monitor_command *c, char *error, size_t size)
{
    char word[WORD_MAX + 1];
    const char *rest = next_word(line, word);
    c->verb = MONITOR_NOTHING;
    if (!word[0])
        return true;
    for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
        if (strcmp(word, verbs[i].name) == 0)
            c->verb = verbs[i].verb;
    if (c->verb == MONITOR_NOTHING)
        return error_text(error, size, "'%s' is no command; help lists them", word);
    return parse_rest(rest, c, error, size);
}
