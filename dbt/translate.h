/* A translation under way, for the files that share it. */
#ifndef ENGRAM_DBT_TRANSLATE_H
#define ENGRAM_DBT_TRANSLATE_H

#include "dbt/front.h"

/* A linear address before the registers are known. */
struct address {
    host_reg base, index; /* guest registers, or HOST_NONE */
    uint8_t scale;
    uint8_t segment;
    uint8_t bytes; /* address size: 2, 4, 8 */
    int64_t disp;
};

#define PROBE_READ 1u
#define PROBE_WRITE 2u

#define RECORDS_MAX 128u /* accesses in a block */
#define PENDING_MAX (3u * BLOCK_INSNS_MAX)

/* Code that is written behind the block: the ways out of it. */
struct pending {
    uint8_t *place; /* displacement that jumps here */
    uint8_t kind;   /* enum exit_kind_dbt */
    uint8_t flags;  /* enum flags_place */
    uint8_t insn;
    uint8_t probe_access, probe_bytes;
    bool undo_tag;  /* the probe has added the TLB's tag to SCRATCH */
    bool not_first; /* not the instruction's first access */
    uint8_t segment;
    bool limited;     /* no probe: segmentation's checks have to be made */
    bool restore_rcx; /* the probe has saved RCX */
    bool side;        /* leaves in the middle: the record is that of fewer accesses, budget comes back */
    struct string_form string;
    uint64_t target;
};

/* An address that stands in the record: what it was made of, and how far its registers have moved since. */
struct known_address {
    struct address a;
    int64_t moved;
    uint16_t place;
};
#define KNOWN_MAX 16u

struct translation {
    enum flags_place flags; /* where the guest's are */
    struct dbt *d;
    struct emit *e;
    struct block *b;
    uint64_t mode;
    enum code_size code_size;
    bool bounce;     /* operands are d->bounce[], nothing is recorded */
    uint8_t bounced; /* slots used */
    bool overflow;   /* a table is full: flush and try again */
    bool closed;     /* RECORD has moved over this block's record */
    unsigned count;
    unsigned index; /* instruction being translated */
    bool probed;    /* it has probed for an access already */
    bool saved;     /* the record pointer's high half was saved before it */
    struct guest_insn *g;

    struct raw_access access[RECORDS_MAX];
    unsigned access_count, record_bytes;
    struct known_address known[KNOWN_MAX];
    unsigned known_count;
    struct pending pending[PENDING_MAX];
    unsigned pending_count;

    /* SCRATCH is the host address of this. */
    bool held;
    struct address held_address;
    uint8_t held_access, held_bytes;
};

static inline unsigned address_bytes(const struct translation *t)
{
    return t->code_size == CODE_64 ? 8 : 4;
}
static inline unsigned stack_width(const struct translation *t)
{
    return t->code_size == CODE_64 ? 8 : t->mode & MODE_STACK32 ? 4 : 2;
}
static inline bool is_stolen(host_reg r)
{
    return r != HOST_NONE && r >= STOLEN_FIRST;
}

/* ---- access.c ---- */
struct address address_of(const struct translation *t, const struct guest_insn *g,
                          const ZydisDecodedOperand *o);
struct address address_stack(const struct translation *t, host_reg base, int64_t disp);
/* The effective address (no segment) into `to`, which is SCRATCH or SCRATCH2; both may be used. */
void emit_effective(struct translation *t, host_reg to, const struct address *a);
/* SCRATCH becomes the host address of `bytes` at `a`; whatever makes that impossible leaves the block.
 * `access` is all that the instruction does there: PROBE_READ, PROBE_WRITE. */
void emit_probe(struct translation *t, const struct address *a, unsigned access, unsigned bytes);
/* A record of an access at `a`; the address is stored now, with SCRATCH2. Returns the place of its data, 0:
 * not recorded. */
unsigned emit_record(struct translation *t, const struct address *a, unsigned kind, unsigned bytes,
                     uint8_t flags);
/* After each instruction: which of the addresses in the record can still be used. */
void forget_addresses(struct translation *t, const struct guest_insn *g);
/* Its data: what lies at SCRATCH now, by way of SCRATCH2; or what is in a register. Place 0: none. */
void emit_record_data(struct translation *t, unsigned place, unsigned bytes);
void emit_record_value(struct translation *t, unsigned place, unsigned bytes, host_reg from);
struct pending *add_exit(struct translation *t, unsigned kind, uint8_t *place);

/* ---- copy.c ---- */
/* The instruction itself; its memory operand is at SCRATCH. False: it cannot be encoded. */
bool emit_copy(struct translation *t, const struct guest_insn *g);
/* The value of a guest register into a host register and back; `bytes` as in a MOV. */
void emit_get_gpr(struct translation *t, host_reg to, host_reg guest);
void emit_set_gpr(struct translation *t, unsigned bytes, host_reg guest, host_reg from);

/* ---- x87.c ---- */
/* Behind a copied instruction: notes it as the last one of the FPU, if it is one to note. `a`: its operand,
 * or NULL. */
void emit_x87_pointers(struct translation *t, const struct guest_insn *g, const struct address *a);

/* ---- stack.c: PUSH, POP, CALL, RET, LEAVE; string.c; branch.c. False: not supported ---- */
bool translate_stack(struct translation *t, const struct guest_insn *g);
bool translate_string(struct translation *t, const struct guest_insn *g);
bool translate_branch(struct translation *t, const struct guest_insn *g);
/* Ends the block: to a known place, or to the one in SCRATCH2. */
void emit_leave_to(struct translation *t, uint64_t target);
void emit_leave_indirect(struct translation *t);
/* … to where a branch goes, which may be nowhere. */
void emit_branch_to(struct translation *t, uint64_t target);
uint64_t branch_target(const struct translation *t, const struct guest_insn *g);
void emit_leave(struct translation *t, unsigned kind);
/* RECORD moves over the block's record; before the ways out part. */
void emit_close(struct translation *t);
/* Jumps to the displacement that is returned where the counter in rCX (`width` bytes of it) is 0. */
uint8_t *emit_if_count_zero(struct translation *t, unsigned width);
/* A way out to a known place, for the jump at `place`. */
struct pending *add_branch(struct translation *t, uint8_t *place, uint64_t target);
void emit_stubs(struct translation *t);
uint64_t wrap_ip(const struct translation *t, uint64_t ip);

#endif
