/* Between C code and translated code. */
#ifndef ENGRAM_DBT_SWITCH_H
#define ENGRAM_DBT_SWITCH_H

#include "dbt/dbt.h"

/* The first exit sites are these. */
#define EXIT_SITE_INDIRECT 0u
#define EXIT_SITE_TRAP 1u
#define EXIT_SITES_FIXED 2u

/* Writes the trampoline: d->enter, d->leave, d->leave_trap, d->leave_indirect. */
void switch_init(struct dbt *d, struct emit *e);

/* Runs translated code at `code` until it leaves. GS must point to *d. */
void switch_enter(struct dbt *d, const void *code);

#endif
