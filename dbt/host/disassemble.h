/* Guest code and translated code as text, for people. */
#ifndef ENGRAM_DBT_DISASSEMBLE_H
#define ENGRAM_DBT_DISASSEMBLE_H

#include "dbt/dbt.h"
#include "decode/insn.h"

/* How a jump of translated code calls its target: writes the name, or returns false. */
struct target_names {
    bool (*name)(const struct target_names *names, uint64_t target, char *text, size_t size);
};

/* One instruction of the guest at `ip`. Returns its length, 0 if it is none: then `text` says so. */
unsigned disassemble_guest(const uint8_t *bytes, size_t available, uint64_t ip, enum code_size size,
                           char text[DBT_PRINT_TEXT]);

/* One instruction of translated code. What lies in struct dbt goes by its name: gs:[tlb.read+r13*8]. */
unsigned disassemble_host(const uint8_t *code, const struct target_names *names, char text[DBT_PRINT_TEXT]);

/* Where the instruction jumps to; NULL if it is no direct jump. */
const uint8_t *disassemble_target(const uint8_t *code);

#endif
