/* Linked into build/dbt-host-mutant: mutant.c asks the environment. */
#include "mutant.h"

#include <stdlib.h>

const char *mutant_words(void)
{
    const char *words = getenv("MUTANT");
    return words ? words : "";
}
