/* The guest's vector and mask registers, which are in the CPU, for C code. */
#ifndef ENGRAM_DBT_VECTOR_H
#define ENGRAM_DBT_VECTOR_H

#include "dbt/dbt.h"

#define VECTOR_BYTES 64u

void vector_init(struct dbt *d, struct emit *e);

/* All bytes that there are; the rest is 0. A write of fewer than there are clears those above. */
void vector_read(const struct dbt *d, unsigned n, uint8_t *bytes);
void vector_write(const struct dbt *d, unsigned n, uint8_t *bytes);
uint64_t opmask_read(const struct dbt *d, unsigned n);
void opmask_write(const struct dbt *d, unsigned n, uint64_t mask);
void mmx_read(const struct dbt *d, unsigned n,
              uint8_t *bytes); /* as an MMX instruction: the x87 tags change */

#endif
