/* libFuzzer: symbol tables, ELF files and lists, and what is found in them. */
#include "analyse/symbols.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct symbols s = {0};
    uint8_t *copy = malloc(size ? size : 1);
    if (!copy)
        return 0;
    memcpy(copy, data, size);
    symbols_parse(&s, copy, size, 0x1000);
    for (size_t i = 0; i < s.count; i++) {
        const struct symbol *found = symbols_find(&s, s.list[i].address);
        if (i && s.list[i].address < s.list[i - 1].address)
            abort();
        if (found && (found->address > s.list[i].address || strlen(found->name) == 0))
            abort();
    }
    symbols_find(&s, UINT64_MAX);
    symbols_free(&s);
    free(copy);
    return 0;
}
