/* The DBT engine as a Linux process: a minimal machine around it. */
#ifndef ENGRAM_DBT_HOST_H
#define ENGRAM_DBT_HOST_H

#include "dbt/dbt.h"

struct host_options {
    uint64_t ram_bytes, ring_bytes;
    bool reads, writes;
    bool discard;             /* records are thrown away: what the inline path costs */
    bool wrap;                /* the ring */
    const char *output;       /* trace file, NULL: none */
    const char *start, *stop; /* console texts that switch recording; NULL: from the beginning, to the end */
    bool counters, timing;
    uint64_t print_block; /* IP of a block to print at the end, ~0: none */
};
extern struct host_options host_options;

/* trap.c: host exceptions in translated code come back as exits. */
void trap_init(struct dbt *d);

/* The guest's vector and x87 registers are in the CPU while the engine runs: libc may use them only in
 * between. */
void host_save_vectors(void);
void host_restore_vectors(void);

/* ports.c: serial port, exit port, timer, interrupt controllers. */
uint32_t ports_in(struct dbt *d, uint16_t port, unsigned bytes);
void ports_out(struct dbt *d, uint16_t port, unsigned bytes, uint32_t value);
int host_exit_code(void);

/* trace.c: from records to the ring and the file. */
void trace_init(struct dbt *d);
void trace_start(struct dbt *d);
void trace_stop(struct dbt *d, const char *why);
void trace_next_segment(struct dbt *d, const struct raw_use *used);
void trace_end_segments(struct dbt *d, const struct raw_use *used);
void trace_define(struct dbt *d);
void trace_new_dictionary(struct dbt *d);
const struct dictionary *trace_dictionary(void);
void trace_console_byte(struct dbt *d, uint8_t byte);
bool trace_write(struct dbt *d, const char *guest, const char *end);

_Noreturn void host_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
