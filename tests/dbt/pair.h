/*
 * The two machines of the differential test: what both start from and end in.
 *
 *     0x100000  code     2 pages
 *     0x102000  absent
 *     0x103000  data     3 pages; the stack is at their end
 *     0x106000  tables   for the generator's own use: indices, counters, a state image
 *     0x107000  read-only
 *     0x108000  absent
 */
#ifndef ENGRAM_TESTS_DBT_PAIR_H
#define ENGRAM_TESTS_DBT_PAIR_H

#include "vcpu.h"

#include "decode/insn.h"

#define WINDOW_AT 0x100000ull
#define WINDOW_BYTES 0x8000u
#define CODE_BYTES 0x2000u
#define HOLE_AT 0x102000ull
#define DATA_AT 0x103000ull
#define DATA_BYTES 0x3000u
#define STACK_AT (DATA_AT + DATA_BYTES - 0x200)
#define TABLES_AT 0x106000ull
#define READ_ONLY_AT 0x107000ull

/* What stands in the tables' page. */
#define INDEX_TABLE_AT TABLES_AT           /* 32- and 64-bit numbers near 0, 512 bytes each */
#define COUNTERS_AT (TABLES_AT + 0x400)    /* of loops: ones */
#define STATE_IMAGE_AT (TABLES_AT + 0x440) /* as XSAVE writes it; 64 bytes aligned */
#define COUNTERS 16u

/* How a sequence runs. */
struct world {
    enum code_size size;
    bool paging;
    bool user;          /* at CPL 3, and what faults is compared; else at CPL 0, and nothing may fault */
    bool stepping;      /* the translated run has TF set, and a handler that returns */
    bool reads, writes; /* are recorded */
    uint8_t budget;     /* instructions between two polls, 0: many */
};
extern struct world world;

/* Selectors and bases are the same in both runs. Of 16-bit code all segments have a base; else FS and GS. */
struct world_segment {
    uint16_t selector;
    uint64_t base;
    uint32_t limit;
};
extern struct world_segment world_segment[SEG_GS + 1];

#define XSTATE_BYTES 4096u
#define VECTOR_NONE 0xffu

struct state {
    uint64_t gpr[GPR_COUNT], rflags, rip;
    uint8_t vectors[XSTATE_BYTES] __attribute__((aligned(64)));
    uint8_t memory[WINDOW_BYTES] __attribute__((aligned(8)));
    /* The exception that ended the run. */
    uint8_t vector;
    uint32_t error;
    uint64_t address;
};
extern struct state initial;

/* Of windows, or parts of them: multiples of 8 bytes. This is what most of the time would go to. */
static inline bool same_memory(const uint8_t *a, const uint8_t *b, size_t n)
{
    const uint64_t *x = (const uint64_t *)(const void *)a, *y = (const uint64_t *)(const void *)b;
    uint64_t difference = 0;
    for (size_t k = 0; k < n / 8; k++)
        difference |= x[k] ^ y[k];
    return !difference;
}

/* Code to run: `bytes` at WINDOW_AT + start; execution begins at `entry` and ends behind the last byte. */
struct code {
    uint8_t bytes[CODE_BYTES];
    uint32_t start, entry, length;
};

/* XCR0's components that the test saves and compares, as the operating system has enabled them. */
extern uint64_t xstate_mask;
void save_vectors(uint8_t *to);
bool save_vectors_compacted(uint8_t *to); /* XSAVEC; false: this CPU has none */
void load_vectors(const uint8_t *from);

/* ---- in_use.c ---- */
/* Two windows are the same but for state images that say of a component in its initial configuration whether
 * it is in use. */
bool differ_in_use(const uint8_t *a, const uint8_t *b);

/* ---- native.c ---- */
void native_init(void);
bool native_has_16_bit_code(void); /* and FS and GS of 32-bit code */
/* world_segment[] for the world as it is. */
void native_choose_segments(void);

/* False: it did not end. */
bool run_native(const struct code *code, struct state *end);

/* ---- translated.c ---- */
void translated_init(void);
/* NULL, or why it did not end as it must, or what is wrong with its records. */
const char *run_translated(const struct code *code, struct state *end);
/* For the native run's signal handler: true if the exception was the translated run's. */
bool translated_trap(uint64_t rip, uint64_t address, uint64_t vector, uint64_t *resume);
/* GS of the translated run. */
uint64_t translated_gs(void);

#endif
