/*
 * The translator's own state and what its files share.
 *
 *     run.c ──► cache.c (find) ──► translate.c ──► front.c (decode, liveness)
 *       │                            ├─ access.c (probe, record)   copy.c (re-encode)
 *       │                            └─ stack.c  string.c  branch.c  x87.c
 *       ├─ enter() ─► translated code ─► exit
 *       └─ slow.c (TLB fill, bounce)   memory.c   record.c   sys/
 *
 * While translated code runs: rax to r11 and rsp hold the guest's registers,
 * RFLAGS its arithmetic flags, GS points to struct dbt, r14 to where the next
 * record goes, r15 is the budget and counts events; r12 and r13 are scratch. The
 * guest's own r12 to r15 lie in the state. DF is 0: the guest's is part of the mode.
 */
#ifndef ENGRAM_DBT_DBT_H
#define ENGRAM_DBT_DBT_H

#include "dbt/cpu.h"
#include "dbt/emit.h"
#include "dbt/memory.h"
#include "dbt/record.h"
#include "dbt/sys/sys.h"
#include "decode/insn.h"

#define SCRATCH R12 /* after a probe: the host address of the operand */
#define SCRATCH2 R13
#define RECORD R14
#define BUDGET R15
#define STOLEN_FIRST R12 /* guest registers from here on lie in the state */

#define ARITHMETIC_FLAGS 0x8d5u

/*
 * The software TLB: one for the supervisor, one for the user. Entry i holds a page whose number is i
 * modulo its
 * size. `read` and `write` are minus the page's address, or of some page that cannot be here where the
 * access has
 * to go the slow way (absent, read-only, code, MMIO); then address + tag is no offset in a page.
 */
#define TLB_ENTRIES 256u
struct tlb {
    uint64_t read[TLB_ENTRIES], write[TLB_ENTRIES];
    uint64_t host[TLB_ENTRIES];   /* where the page lies in this address space */
    uint64_t addend[TLB_ENTRIES]; /* host - page address */
    uint64_t traced[TLB_ENTRIES]; /* 1 << 32 if the filter lets accesses to the page by, else 0 */
    bool global[TLB_ENTRIES];
    uint64_t programs[TLB_ENTRIES / 64]; /* bit i: entry i is of a page that programs may touch */
};
#define TRACED (1ull << 32)

/* What a block's translation depends on besides the code. */
#define MODE_CODE_SIZE 0x3u /* enum code_size */
#define MODE_STACK32 0x4u
#define MODE_USER 0x8u
#define MODE_PAGING 0x10u
#define MODE_DF 0x20u
#define MODE_TF 0x40u
#define MODE_ALIGNED 0x80u                   /* accesses have to be aligned: CR0.AM, AC, CPL 3 */
#define MODE_BASED(seg) (0x100u << (seg))    /* its base is not 0 */
#define MODE_LIMITED(seg) (0x4000u << (seg)) /* accesses need the checks of segmentation */
#define MODE_STEP 0x100000u                  /* one instruction: see dbt.stepping */
#define MODE_PROTECTED 0x200000u             /* and not virtual-8086 */
/* What the guest has not switched on (front_decode()). */
#define MODE_EM 0x00400000u        /* CR0.EM */
#define MODE_TS 0x00800000u        /* CR0.TS */
#define MODE_WAIT_NM 0x01000000u   /* CR0.TS and CR0.MP: FWAIT is #NM */
#define MODE_NO_SSE 0x02000000u    /* CR4.OSFXSR = 0 */
#define MODE_NO_VEX 0x04000000u    /* real or virtual-8086 mode */
#define MODE_NO_AVX 0x08000000u    /* by CR4.OSXSAVE and XCR0 */
#define MODE_NO_AVX512 0x10000000u /* by CR4.OSXSAVE and XCR0 */
#define MODE_READS (1ull << 32)    /* are recorded */
#define MODE_WRITES (1ull << 33)   /* are recorded */
#define MODE_RECORDS (MODE_READS | MODE_WRITES)
#define MODE_RANGES (1ull << 34)  /* … where the page is traced: see record.h */
#define MODE_DROPPED (1ull << 35) /* … or rather would be: the filter does not let code of this kind by */

enum exit_kind_dbt {
    DBT_EXIT_CHAIN,    /* a direct branch whose target is not linked yet */
    DBT_EXIT_INDIRECT, /* SCRATCH2 is the target */
    DBT_EXIT_OUTSIDE,  /* a direct branch to where its segment does not reach */
    DBT_EXIT_SYSTEM,   /* the instruction is for sys_execute() */
    DBT_EXIT_MISS,     /* a probe missed; SCRATCH is the linear address */
    DBT_EXIT_SLOW,     /* the instruction is for slow_execute() */
    DBT_EXIT_STRING,   /* … for string_execute() */
    DBT_EXIT_LANES,    /* … for lanes_execute() */
    DBT_EXIT_UD,       /* … raises #UD */
    DBT_EXIT_NM,       /* … raises #NM */
    DBT_EXIT_UNSUPPORTED,
    DBT_EXIT_BOUNCED, /* a bounced instruction is complete */
    DBT_EXIT_TRAP,    /* the host CPU raised an exception in translated code */
};

/* Where the guest's arithmetic flags are. */
enum flags_place {
    FLAGS_IN_HOST, /* in RFLAGS */
    FLAGS_SAVED,   /* in saved_flags, as LAHF and SETO have put them there: AL is OF, AH the others */
    FLAGS_LOST,    /* those that are not in RFLAGS are nowhere: nothing sees them before they are set anew */
};

struct block;
struct insn;
struct hook_event;

enum string_kind { STRING_MOVS, STRING_STOS, STRING_LODS, STRING_CMPS, STRING_SCAS, STRING_OTHER };
enum string_repeat { REPEAT_NONE, REPEAT_WHILE_EQUAL, REPEAT_WHILE_NOT_EQUAL };

struct string_form {
    uint8_t kind;    /* enum string_kind */
    uint8_t repeat;  /* enum string_repeat; of MOVS, STOS, LODS: not REPEAT_NONE, the condition is none */
    uint8_t bytes;   /* of an element */
    uint8_t width;   /* of addresses and count: bytes */
    uint8_t segment; /* of the source */
};

/* A place where translated code leaves; its index is what the code leaves in `exit_site`. */
struct exit_site {
    struct block *block;
    uint8_t kind;
    uint8_t flags;        /* enum flags_place */
    uint8_t insn;         /* index in the block: the exit stands at (or, for branches, behind) it */
    uint8_t probe_access; /* DBT_READ, DBT_WRITE */
    uint8_t probe_bytes;
    bool limited;   /* the segment's limit and rights have to be checked */
    bool not_first; /* the instruction has made another access before */
    uint8_t segment;
    struct string_form string; /* for DBT_EXIT_STRING */
    uint64_t target;           /* IP, for DBT_EXIT_CHAIN; behind the instruction, for DBT_EXIT_STRING */
    uint8_t *jump;             /* displacement of the jump that is patched to chain */
    uint8_t *stub;             /* what it points to while it is not linked */
    struct block *linked;
    struct exit_site *next_incoming;
};

/* A guest instruction in a block. */
struct block_insn {
    uint32_t code;         /* offset of its host code in the block's */
    uint32_t prefix;       /* id of the record that ends before it, 0: none yet */
    uint16_t ip;           /* relative to the block's */
    uint16_t records;      /* accesses in the block's record before it, */
    uint16_t record_bytes; /* and how many bytes these take */
    uint8_t length;
    uint8_t flags;   /* enum flags_place, behind its probes */
    bool saved;      /* left at the instruction, the block has touched what saved_record says */
    uint8_t spilled; /* host registers whose guest value is in spill[]: count */
    uint8_t spill_reg[3];
};

#define BLOCK_INSNS_MAX 64u

struct block {
    uint64_t ip, cs_base;
    uint64_t mode;
    uint32_t cs_limit;
    uint8_t insn_count;
    uint8_t budget; /* instructions charged at the head */
    bool valid;
    bool crosses; /* its code lies on two pages */
    bool repeats; /* ends with a string instruction with a REP prefix */
    uint16_t guest_bytes;
    uint32_t code_bytes;
    uint32_t stubs; /* offset of the ways out in the code */
    /* In the dictionary; id 0 where the block records nothing. */
    uint32_t record_id, record_first;
    uint16_t record_count, record_bytes;
    uint8_t context;
    uint8_t jump_table;
    gpa_t gpa, gpa2;   /* first byte; first byte on the second page */
    uint8_t *chain;    /* where direct branches of other blocks go: */
    uint8_t *code;     /* here, or first by the jump table where the code lies on two pages */
    uint8_t *body;     /* behind the budget and the room test */
    uint8_t *indirect; /* entry that compares SCRATCH2 with the block's IP */
    struct block_insn *insn;
    uint64_t executed;
    struct block *next_hash;
    struct block *next_page[2]; /* others on the same physical pages */
    struct exit_site *incoming;
    uint32_t first_exit, exit_count;
};

struct dbt_counters {
    uint64_t blocks, chains, lookups, misses, fills, flushes, invalidations, bounces, system, traps, budget;
    uint64_t tlb_flushes, faults, interrupts, unlinked, segments, dictionaries, runs;
};

/* Where indirect branches look first: a table for each of some modes. Table 0 stays empty: for modes in which
 * the dispatcher has to look at every block. */
#define JUMP_BITS 12
#define JUMP_ENTRIES (1u << JUMP_BITS)
#define JUMP_TABLES 16u
#define JUMP_REGIONS 512u

/* Where code lies, as the TLB for data, also one for the supervisor and one for the user. */
#define FETCH_ENTRIES 128u
struct fetch_tlb {
    uint64_t page[FETCH_ENTRIES], frame[FETCH_ENTRIES]; /* addresses; page ~0: none */
    bool global[FETCH_ENTRIES];
};

#define HASH_BITS 16
#define HASH_ENTRIES (1u << HASH_BITS)
#define FLUSH_MARGIN 65536u /* bytes that the largest block takes at most */
#define BOUNCE_SLOTS 2u
#define BOUNCE_BYTES 128u /* 64 of an operand, which is aligned there as it is in memory */
#define DBT_BREAKS 2u

/* Blocks on bounce buffers that stay in the code cache: the same instructions come there again and again, as
 * those that access devices. Their translation depends on the mode, the place and the bytes. */
#define KEPT_BOUNCES 512u
struct kept_bounce {
    uint64_t ip, mode, cs_base, flushes;
    const struct block *block; /* NULL: none */
    uint8_t length, bytes[INSN_BYTES_MAX];
    uint8_t access[BOUNCE_SLOTS], size[BOUNCE_SLOTS];
};

/* Instructions that C code executes, as they were decoded last at their place. */
#define DECODED_INSNS 512u
struct decoded_insn {
    uint64_t rip;
    bool valid;
    struct insn insn;
};

struct dbt {
    struct dbt_cpu cpu; /* first: the two are cast into each other */

    /* What translated code and the trampoline touch. */
    uint64_t host_rsp, resume, exit_flags;
    uint64_t record, scratch, scratch2;
    /* The low half is the address that every block loads from, one lower for each instruction; the high half
     * counts accesses (recorder_count). */
    uint64_t budget;
    uint64_t traced;     /* of these with MODE_RANGES, those to traced pages */
    uint64_t zero;       /* minus the low half: instructions since the start */
    uint64_t iterations; /* of REPs that are not complete: they take time and are no instructions */
    uint64_t spill[4], spilled_rcx, saved_flags, saved_record, temp[4];
    uint64_t exit_site;
    uint64_t branch; /* the block, by its number, that an indirect branch has ended last */
    uint64_t trap_pc, trap_address, trap_vector;
    uint64_t page_mask, jump_mask;
    struct walk_tlb walk_tlb; /* where what page walks read is recorded */
    struct tlb tlb[2];
    uint8_t tlb_page_shift; /* of the largest page that either has parts of */
    uint64_t jump_target[JUMP_TABLES][JUMP_ENTRIES];
    uint8_t bounce[BOUNCE_SLOTS][BOUNCE_BYTES] __attribute__((aligned(64)));
    uint64_t bounce_at[BOUNCE_SLOTS]; /* where in it the operand lies */
    uint16_t x87_status;              /* after a bounced x87 instruction with an operand in memory */

    /* The host. */
    uint8_t *ram;
    uint64_t ram_bytes;
    uint64_t window_bytes; /* behind `ram` that are mapped; from ram_bytes on devices. 0: no devices */
    uint8_t *page_flags;   /* one per page of RAM: PAGE_HAS_CODE */
    struct block **page_blocks;
    const struct dbt_host *host;

    struct recorder recorder;

    /* The code cache. */
    void (*enter)(struct dbt *d, const void *code);
    uint8_t *leave, *leave_trap, *leave_indirect;
    uint8_t *vector_routines;        /* vector.c */
    uint8_t *resume_at[JUMP_TABLES]; /* goes on at the IP in SCRATCH2, by way of that table */
    uint64_t jump_mode[JUMP_TABLES];
    uint32_t jump_tables;                        /* of tables 1 to jump_tables - 1 */
    uint32_t jump_filled;                        /* bit n: table n holds something, */
    uint32_t jump_local;                         /* and some of it on pages that are not global */
    uint64_t jump_regions[2][JUMP_REGIONS / 64]; /* by number modulo these: those of 4 MiB, and of 1 GiB, of
                                                  * what the tables hold */
    unsigned jump_table;                         /* of the present mode */
    uint64_t jump_cs_base;                       /* of what the tables hold: they are looked up by IP */
    uint32_t jump_cs_limit;
    struct fetch_tlb fetch[2];
    uint8_t fetch_page_shift; /* of the largest page that they have ever had parts of */
    bool fetched_global;      /* the page that fetch_translate() found last, */
    bool found_global;        /* all of the block that the dispatcher found last */
    uint8_t *cache, *cache_end, *cache_start;
    bool sparse; /* the host translates code itself (translate.c); there is room for it */
    struct emit e;
    struct block *blocks;
    uint32_t block_count, block_max;
    struct exit_site *exits;
    uint32_t exit_count, exit_max;
    struct block_insn *insns;
    uint32_t insn_count, insn_max;
    struct block *hash[HASH_ENTRIES];
    uint64_t mode;
    gva_t
        break_at[DBT_BREAKS]; /* linear addresses where the host wants to be asked; blocks end before them */
    bool break_armed[DBT_BREAKS];
    struct sys_breakpoint breakpoints[SYS_BREAKPOINTS]; /* of the guest, as code and TLB know them */
    uint16_t held_traps;     /* debug traps that wait behind the present instruction, from one before it */
    bool quiet_block;        /* the next block runs without a budget test: see run.c */
    bool stepping;           /* what the host waits for is so near that blocks are single instructions */
    bool between_iterations; /* of a REP: events there show RF set (SDM Vol. 3B, 17.3.1.1) */
    bool mode_dirty;
    uint32_t touched; /* accesses to traced pages in the block that was left in its middle */
    uint64_t untold[2][TLB_ENTRIES / 64]; /* TLB entries that a reader of the records does not know */
    const uint8_t *retry;  /* where the host code of an instruction begins that is to start anew */
    uint64_t recorded_cr3; /* that a reader of the records knows */
    uint64_t permissions;  /* what the TLB's rights were derived from */
    bool restart;          /* an exit that has not executed the instruction at RIP */
    uint8_t access_flags;  /* of what dbt_read() and dbt_write() record: ACCESS_LOCKED, ACCESS_REP */
    uint8_t bounce_access[BOUNCE_SLOTS], bounce_bytes[BOUNCE_SLOTS];
    struct kept_bounce kept[KEPT_BOUNCES];
    struct decoded_insn decoded[DECODED_INSNS];
    struct dbt_counters counters;
    char stop_line[200];
};

#define NO_BRANCH 0xffffffffu /* dbt.branch */

#define PAGE_HAS_CODE 0x01u
#define PAGE_HIDDEN 0x02u /* reads ones, writes are dropped */
#define PAGE_DEVICE 0x04u

/* What the machine around the processor does. C code may use vector registers in these only if it saves
 * them. */
struct dbt_host {
    /* The budget's readable range (run.c), below 4 GiB; the page before it is not mapped. */
    uint32_t budget_base, budget_bytes;
    /* Segments end at a multiple of 64 KiB, and the 64 KiB behind are not mapped. `used` tells what is in the
     * one that is full, NULL: there was none. They set recorder.start and end. */
    void (*next_segment)(struct dbt *d, const struct raw_use *used);
    void (*end_segments)(struct dbt *d, const struct raw_use *used);
    void (*define)(struct dbt *d);            /* takes what waits for the dictionary in the recorder */
    void (*new_dictionary)(struct dbt *d);    /* the old one is full; no segment is open */
    uint64_t (*next_deadline)(struct dbt *d); /* instructions from now until the host wants to be asked */
    bool (*poll)(struct dbt *d);              /* false: the run is over; cpu.stop_text says why */
    bool (*nmi)(
        struct dbt *d); /* true: one is to be delivered now, and is no longer due; NULL: none ever is */
    int (*interrupt)(struct dbt *d); /* vector of the interrupt that is to be delivered now, -1: none */
    void (*hidden)(struct dbt *d, gpa_t gpa);    /* an access touches a page with PAGE_HIDDEN */
    void (*at_break)(struct dbt *d, unsigned n); /* about to execute the instruction at break_at[n] */
    bool (*wait)(struct dbt *d);                 /* until an interrupt is due; false: none can come */
    bool (*hypercall)(struct dbt *d);            /* dbt_hypercall(); NULL: nobody hears them */
    uint32_t (*port_in)(struct dbt *d, uint16_t port, unsigned bytes);
    void (*port_out)(struct dbt *d, uint16_t port, unsigned bytes, uint32_t value);
};

/* Bytes that are free behind the record pointer when a block begins: it may take half of them, and what is
 * recorded about it meanwhile the rest. */
#define ROOM_BYTES 4096u

#define STATE(field) state_at(offsetof(struct dbt, field))
static inline struct operand guest_gpr(unsigned n)
{
    return state_at(offsetof(struct dbt, cpu.v.gpr) + 8u * n);
}
static inline struct dbt *dbt_of(struct dbt_cpu *c)
{
    return (struct dbt *)c;
}

/* Instructions completed since the start; C code that executes one charges it when it is over. */
static inline uint64_t dbt_icount(const struct dbt *d)
{
    return d->zero - (uint32_t)d->budget;
}

/* Recorded in this segment. */
static inline uint64_t dbt_events(const struct dbt *d)
{
    uint64_t counted = d->mode & MODE_DROPPED ? 0 : d->mode & MODE_RANGES ? d->traced : d->budget >> 32;
    return d->recorder.events + counted;
}

/* Linear address of an instruction. */
static inline gva_t code_linear(uint64_t mode, uint64_t cs_base, uint64_t ip)
{
    return (mode & MODE_CODE_SIZE) == 2 ? ip : (uint32_t)(cs_base + ip);
}

/* ---- cache.c ---- */
bool cache_init(struct dbt *d, void *code, size_t code_bytes);
void cache_flush(struct dbt *d);
bool cache_is_nearly_full(const struct dbt *d);
struct block *cache_find(struct dbt *d, uint64_t ip, gpa_t gpa);
void cache_insert(struct dbt *d, struct block *b);
void cache_chain(struct dbt *d, struct exit_site *from, struct block *to);
void cache_invalidate(struct dbt *d, gpa_t at, unsigned bytes);
/* One block whose code is not where it was. */
void cache_drop(struct dbt *d, struct block *b);
void cache_forget_jumps(struct dbt *d);
/* … to code on pages that are not global, at least. */
void cache_forget_local_jumps(struct dbt *d);
/* … to code on the page of 2^shift bytes around the linear address `at`, at least. */
void cache_forget_jumps_to(struct dbt *d, gva_t at, unsigned shift);
/* Indirect branches find the block, which lies on global pages or not, from now on. */
void cache_offer(struct dbt *d, const struct block *b, bool global);
/* The table of the present mode becomes d->jump_table; with too many modes everything is flushed. */
void cache_choose_jump_table(struct dbt *d);
struct block *cache_block_at(struct dbt *d, uint64_t host_pc);

/* ---- translate.c ---- */
/* The block at CS:ip; NULL with the fault in the cpu, or with cpu.stop. With `bounce`, its first
 * instruction alone, on
 * the bounce buffers instead of memory, not entered in the cache. */
struct block *translate_block(struct dbt *d, uint64_t ip, bool bounce);

/* ---- memory.c ---- */
void tlb_flush_all(struct dbt *d);
/* What SMAP keeps the kernel from while AC is 0. */
void tlb_forget_programs(struct dbt *d);
/* The guest-physical address of code. False: fault raised. */
bool fetch_translate(struct dbt *d, gva_t at, gpa_t *gpa);
/* False: fault raised. *fast: the probe will hit now; `map` is what a reader of records must know then, its
 * id RAW_NONE: nothing. */
bool tlb_fill(struct dbt *d, gva_t at, unsigned access, bool *fast, struct raw_map *map);
/* What a reader has to know now that code is recorded again. */
void tlb_tell(struct dbt *d);
/* All entries; at most 2 * TLB_ENTRIES. */
unsigned tlb_mappings(const struct dbt *d, struct raw_map *to);
void memory_init(struct dbt *d);

/* ---- x87.c ---- */
/* After a bounced instruction that stores: false if an exception has kept it from that. */
bool x87_store_was_made(const struct dbt *d);
/* An unmasked exception is pending. */
bool x87_is_pending(void);

/* ---- lanes.c ---- */
struct guest_insn;
/* Executes the instruction at v.rip, of class G_LANES. */
bool lanes_execute(struct dbt *d, const struct guest_insn *g);

/* ---- slow.c ---- */
/* Executes the instruction at v.rip on bounce buffers through dbt_read() and dbt_write(). */
bool slow_execute(struct dbt *d);
/* The instruction at v.rip on the buffer at bounce_at[0]; RIP is behind it then. False: the host's exception,
 * and no general register has changed. */
bool slow_run_bounced(struct dbt *d);
/* d->cpu.fault from the host's exception in translated code. Returns false. */
bool raise_trap(struct dbt *d);
/* The bytes at CS:ip, at most 15; fewer where the second page is absent. False: fault. */
bool slow_fetch(struct dbt *d, uint64_t ip, uint8_t *bytes, size_t *available);
/* The instruction at v.rip, until the next call; NULL: fault. */
const struct insn *slow_decode(struct dbt *d);
/* Code may lie there: within its segment, canonical. */
bool slow_may_execute(const struct dbt *d, uint64_t ip);
/* The instruction at v.rip, for exits that need to know more of it than their site says; NULL: it cannot be
 * fetched. */
const struct guest_insn *slow_insn_here(struct dbt *d);

/* ---- port.c ---- */
uint32_t port_in(struct dbt_cpu *c, uint16_t port, unsigned bytes);
void port_out(struct dbt_cpu *c, uint16_t port, unsigned bytes, uint32_t value);

/* ---- run.c ---- */
void dbt_init(struct dbt *d, void *code, size_t code_bytes);
void dbt_run(struct dbt *d);
/* For the host's exception handler: true if `pc` is translated code, then execution goes on at *resume. */
bool dbt_trap(struct dbt *d, uint64_t pc, uint64_t address, uint64_t vector, uint64_t *resume);
/* `kinds` of enum record_kinds; 0: nothing is recorded from now on. NULL: no filter. With one that has ranges
 * the segments must lie below 4 GiB. */
void dbt_set_recording(struct dbt *d, unsigned kinds, const struct filter *filter);
/* While nothing is recorded: the host has emptied the dictionary. */
void dbt_forget_dictionary(struct dbt *d);
/* The host is asked when at most `instructions` more are executed. */
void dbt_ask_within(struct dbt *d, uint64_t instructions);
/* How many more until then; iterations of a REP bring it nearer as instructions do. */
static inline uint64_t dbt_budget_left(const struct dbt *d)
{
    uint32_t now = (uint32_t)d->budget;
    return now > d->host->budget_base ? now - d->host->budget_base : 0;
}
void dbt_spend_iterations(struct dbt *d, uint64_t n);
uint64_t dbt_mode(const struct dbt *d);

/* ---- break.c ---- */
void dbt_set_break(struct dbt *d, unsigned n, bool armed, gva_t at);
/* One of the host or the guest is on the instruction at `at`. */
bool dbt_is_break(const struct dbt *d, gva_t at);

/* ---- dump.c ---- */
#define DBT_PRINT_TEXT 160u
struct dbt_print {
    const struct dictionary *dictionary;
    void (*line)(const char *format, ...) __attribute__((format(printf, 1, 2)));
    /* One instruction as text; they return its length, 0 if it is none. NULL: only bytes are printed. */
    unsigned (*guest)(const struct block *b, uint64_t ip, const uint8_t *bytes, size_t available, char *text);
    unsigned (*host)(struct dbt *d, const struct block *b, const uint8_t *code, char *text);
};
void dbt_print_block(struct dbt *d, const struct block *b, const struct dbt_print *print);
size_t dbt_counters_text(const struct dbt *d, char *text, size_t size);

#endif
