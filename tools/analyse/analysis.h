/*
 * What the analyses of `engram analyse` have in common. Each is a state that sees the accesses of a trace one
 * after the other and then shows its result. cmd_analyse.c lists them; each lies in its own file.
 */
#ifndef ENGRAM_ANALYSIS_H
#define ENGRAM_ANALYSIS_H

#include "json.h"
#include "reader/decode.h"
#include "reader/extent.h"

#include <getopt.h>

struct analysis {
    const char *name;
    const char *what; /* one line */
    const char *help; /* its own options and examples */
    const struct option *options;
    void *(*create)(void); /* with default options */
    void (*destroy)(void *state);
    bool (*option)(void *state, int option, const char *value);
    /* An operand before the trace, such as an address. NULL: it takes none. */
    const char *operand;
    bool (*take_operand)(void *state, const char *value);
    /* All options are there, and how far the accesses go. NULL, or what is wrong. May be NULL itself. */
    const char *(*ready)(void *state, const struct extent *extent);
    void (*access)(void *state, const struct trace_item *item);
    void (*other)(void *state, const struct trace_item *item); /* what stands between accesses; may be NULL */
    void (*text)(void *state, FILE *out);
    void (*json)(void *state, struct json *j); /* members of an object */
    void (*svg)(void *state, FILE *out);       /* NULL: there is no picture */
    /*
     * A part's result, saved and added to that of the parts before it (partial.h). NULL: the analysis goes
     * through the trace from front to back. A state that was never ready takes its options from the first
     * part; merge gives false when the file is none of this analysis's, or of other options.
     */
    void (*save)(void *state, FILE *out);
    bool (*merge)(void *state, FILE *in);
};

extern const struct analysis analysis_top, analysis_heatmap, analysis_workingset, analysis_reuse,
    analysis_cache, analysis_sharing, analysis_double_fetch, analysis_last_writer, analysis_memory,
    analysis_silent_stores;
int diff_run(int argc, char **argv); /* of two traces: a command of its own */

/* Where an access is in the extent's time, from its start on. */
static inline uint64_t item_time(const struct extent *e, const struct trace_item *item)
{
    uint64_t t = e->has_icount ? item->access.icount : item->number;
    return t < e->first_time ? 0 : t - e->first_time;
}

static inline bool is_user(const struct access *a)
{
    return (a->context & CONTEXT_CPL_MASK) == 3;
}

#endif
