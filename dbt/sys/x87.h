/* The guest's x87 pointers, for the files that store and load them. */
#ifndef ENGRAM_DBT_SYS_X87_H
#define ENGRAM_DBT_SYS_X87_H

#include "dbt/sys/parts.h"

#define X87_OPCODE_MASK 0x7ffu

/* Finds out which pointers this CPU shows; leaves the FPU as FNINIT does. */
void x87_probe(struct dbt_cpu *c);
/* The pointers that an image shows, given the status word in it. */
struct x87_pointers x87_shown(struct dbt_cpu *c, enum x87_image image, uint16_t status);
/* All of them, as an image has them. */
void x87_set_pointers(struct dbt_cpu *c, const struct x87_pointers *p);

/* ---- state.c: areas of memory that hold more than one access can carry ---- */

/* Where the memory operand of `bytes` lies, with all checks of segmentation and, for writes, of paging. */
bool state_place(struct dbt_cpu *c, const struct sys_insn *i, unsigned bytes, bool write, gva_t *linear);
/* In pieces of at most 64 bytes from `at` on. */
bool state_write(struct dbt_cpu *c, gva_t at, const void *from, unsigned bytes);
bool state_read(struct dbt_cpu *c, gva_t at, void *to, unsigned bytes);

#endif
