/* String instructions with a REP prefix, as C code executes them. */
#ifndef ENGRAM_DBT_STRING_H
#define ENGRAM_DBT_STRING_H

#include "dbt/dbt.h"

#include "decode/insn.h"

/* Some iterations of the instruction at v.rip; *complete: it is over and RIP at `next`. False: fault, with
 * the registers as after the iterations before. */
bool string_execute(struct dbt *d, const struct string_form *f, uint64_t next, bool *complete);

#endif
