/* libFuzzer: partial results from anywhere, merged twice into one state. The first byte chooses the analysis.
 */
#include "analyse/partial.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

static const struct analysis *const analyses[] = {&analysis_top, &analysis_heatmap, &analysis_workingset,
                                                  &analysis_last_writer, &analysis_memory};
#define ANALYSES (sizeof(analyses) / sizeof(analyses[0]))

static FILE *nowhere;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    nowhere = fopen("/dev/null", "w");
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    const struct analysis *a = analyses[data[0] % ANALYSES];
    char *file;
    int head = asprintf(&file, "engram-partial 1 %s\n", a->name);
    file = realloc(file, (size_t)head + size);
    memcpy(file + head, data + 1, size - 1);
    void *state = a->create();
    bool sound = true;
    for (unsigned i = 0; i < 2 && sound; i++) {
        FILE *in = fmemopen(file, (size_t)head + size - 1, "r");
        sound = !partial_merge(a, state, in);
        fclose(in);
    }
    if (sound) {
        struct json j = {.out = nowhere};
        a->text(state, nowhere);
        a->json(state, &j);
        partial_save(a, state, nowhere);
    }
    a->destroy(state);
    free(file);
    return 0;
}
