/* The DBT engine as a Linux process: a minimal machine around it. */
#ifndef ENGRAM_DBT_HOST_H
#define ENGRAM_DBT_HOST_H

#include "dbt/dbt.h"

enum host_proof { HOST_PROOF_OFF, HOST_PROOF_ON, HOST_PROOF_PAGES, HOST_PROOF_DIGESTS };

struct host_options {
    uint64_t ram_bytes, ring_bytes;
    unsigned record; /* enum record_kinds */
    struct filter filter;
    bool discard; /* records are thrown away: what the inline path costs */
    bool wrap;    /* the ring */
    enum host_proof proof;
    const char *output;       /* trace file, NULL: none */
    const char *start, *stop; /* console texts that switch recording; NULL: from the beginning, to the end */
    uint64_t start_rip, stop_rip; /* linear addresses that do so when they are about to be executed; ~0 */
    bool counters, timing;
    uint64_t cache_bytes;
    uint64_t tick;        /* instructions that are one tick of the timer */
    uint64_t print_block; /* IP of a block to print at the end, ~0: none */
};
extern struct host_options host_options;

/* trap.c: host exceptions in translated code come back as exits. */
void trap_init(struct dbt *d);

/* The guest's vector and x87 registers are in the CPU while the engine runs: libc may use them only in
 * between. */
void host_save_vectors(void);
void host_restore_vectors(void);

/* timer.c */
/* The machine's time: instructions and iterations of REPs completed, and what passed in HLT. */
uint64_t host_time(const struct dbt *d);
/* `port` from 40H on. */
void timer_write(const struct dbt *d, unsigned port, uint8_t value);
uint8_t timer_read(const struct dbt *d, unsigned port);
void timer_write_gate(const struct dbt *d, uint8_t value);
uint8_t timer_read_gate(const struct dbt *d);
/* From now on until IRQ 0 is due; ~0: never. */
uint64_t timer_deadline(const struct dbt *d);
/* Raises IRQ 0 if it is due. */
void timer_update(const struct dbt *d);
/* HLT: time goes on to when IRQ 0 is due; false: it never is. */
bool timer_sleep(const struct dbt *d);

/* pic.c; `which`: 0 the master, 1 the slave; `data`: the port with bit 0 set. */
void pic_write(unsigned which, bool data, uint8_t value);
uint8_t pic_read(unsigned which, bool data);
void pic_raise(unsigned irq);
bool pic_is_pending(void);
/* The vector of the interrupt that is now in service, -1: none was pending. */
int pic_take(void);

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

/* prove.c: the replay proof, where it is asked for; else these do nothing. */
void prove_begin(struct dbt *d);
void prove_end(void);
void prove_report(void);
size_t prove_meta(char *text, size_t size);
const void *prove_chunks(uint64_t *bytes); /* after prove_meta() */

_Noreturn void host_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
