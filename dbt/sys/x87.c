/*
 * The x87 environment (SDM Vol. 1, 8.1.8 to 8.1.10): FNSTENV, FLDENV, FNSAVE,
 * FRSTOR, FNINIT, FNCLEX.
 *
 * The FPU is the host's, and so are the pointers it keeps to the last instruction
 * and its operand. The guest's are kept beside it: translated code notes them with
 * every x87 instruction that is no control instruction (dbt/x87.c), and here they
 * take the place of the host's in whatever is stored.
 *
 * Which of them a processor shows differs: AMD's show none in FXSAVE and XSAVE while
 * no exception is pending, Intel's keep the operand's and the opcode of the last
 * exception, or no selectors at all. x87_probe() finds out how this one does it.
 */
#include "dbt/sys/x87.h"
#include "dbt/sys/parts.h"

#include <string.h>

#define STATUS_ES 0x80u
#define ENVIRONMENT_BYTES 28u
#define REGISTER_BYTES 80u
#define FXSAVE_IP 8u
#define FXSAVE_DP 16u
#define FXSAVE_OPCODE 6u

/* ---- which pointers are shown ---- */

enum shown {
    SHOWN_IF_PENDING, /* else 0 */
    SHOWN_LAST_FAULT, /* of the last instruction with an unmasked exception */
    SHOWN_LAST,       /* of the last instruction */
};

static uint8_t classify(uint64_t value, uint64_t of_fault, uint64_t of_last)
{
    return value == of_last ? SHOWN_LAST : value == of_fault ? SHOWN_LAST_FAULT : SHOWN_IF_PENDING;
}

/*
 * A division by 0 whose exception is unmasked, and cleared; then a load from elsewhere; then both images. The
 * exception itself is never taken: no instruction that waits comes before FNCLEX.
 */
#define OPCODE_OF_FAULT 0x437u /* FDIV m64, [rdi] */
#define OPCODE_OF_LAST 0x506u  /* FLD m64, [rsi] */
void x87_probe(struct dbt_cpu *c)
{
    static uint8_t area[512] __attribute__((aligned(64)));
    static const uint16_t unmasked = 0x37b; /* but for division by 0, all are masked */
    static const double zero;
    static const double one = 1;
    uint32_t environment[ENVIRONMENT_BYTES / 4];
    uint64_t fault_ip, last_ip;

    __asm__ volatile(
        "fninit\n\t"
        "fld1\n\t"
        "fldcw %[control]\n\t"
        "lea 1f(%%rip), %[fault]\n\t"
        "lea 2f(%%rip), %[last]\n"
        "1:\t.byte 0xdc, 0x37\n\t" /* FDIV qword [rdi] */
        "fnclex\n"
        "2:\t.byte 0xdd, 0x06\n\t" /* FLD qword [rsi] */
        "fxsave64 %[area]\n\t"
        "fnstenv %[environment]\n\t"
        "fninit"
        : [area] "+m"(area), [environment] "=m"(environment), [fault] "=&r"(fault_ip), [last] "=&r"(last_ip)
        : [control] "m"(unmasked), "D"(&zero), "S"(&one), "m"(zero), "m"(one));

    uint64_t fault_dp = (uint64_t)(uintptr_t)&zero, last_dp = (uint64_t)(uintptr_t)&one, ip, dp;
    memcpy(&ip, area + FXSAVE_IP, sizeof ip);
    memcpy(&dp, area + FXSAVE_DP, sizeof dp);
    struct x87_shows *s = &c->x87_shows[X87_FXSAVE];
    s->ip = classify(ip, fault_ip, last_ip);
    s->dp = classify(dp, fault_dp, last_dp);
    s->opcode = classify(area[FXSAVE_OPCODE] | area[FXSAVE_OPCODE + 1] << 8, OPCODE_OF_FAULT, OPCODE_OF_LAST);
    s = &c->x87_shows[X87_ENVIRONMENT];
    s->ip = classify(environment[3], (uint32_t)fault_ip, (uint32_t)last_ip);
    s->dp = classify(environment[5], (uint32_t)fault_dp, (uint32_t)last_dp);
    s->opcode = classify(environment[4] >> 16 & X87_OPCODE_MASK, OPCODE_OF_FAULT, OPCODE_OF_LAST);
    c->x87_has_selectors = environment[4] & 0xffff; /* the host's CS is never 0 */
}

static void take(uint64_t *to, uint64_t last, uint64_t of_fault, uint8_t shows, bool pending)
{
    *to = shows == SHOWN_LAST || pending ? last : shows == SHOWN_LAST_FAULT ? of_fault : 0;
}

/* Where an unmasked exception is pending, the last instruction is the one that raised it. */
static void note_fault(struct dbt_cpu *c)
{
    c->x87_fault = c->x87;
}

struct x87_pointers x87_shown(struct dbt_cpu *c, enum x87_image image, uint16_t status)
{
    const struct x87_pointers *last = &c->x87, *fault = &c->x87_fault;
    const struct x87_shows *s = &c->x87_shows[image];
    bool pending = status & STATUS_ES;
    struct x87_pointers p;
    if (pending)
        note_fault(c);
    take(&p.ip, last->ip, fault->ip, s->ip, pending);
    take(&p.cs, last->cs, fault->cs, s->ip, pending);
    take(&p.dp, last->dp, fault->dp, s->dp, pending);
    take(&p.ds, last->ds, fault->ds, s->dp, pending);
    take(&p.opcode, last->opcode, fault->opcode, s->opcode, pending);
    if (!c->x87_has_selectors)
        p.cs = p.ds = 0;
    return p;
}

void x87_set_pointers(struct dbt_cpu *c, const struct x87_pointers *p)
{
    c->x87 = c->x87_fault = *p;
}

/* ---- the four formats of the environment (figures 8-9 to 8-12) ---- */

static unsigned environment_bytes(const struct sys_insn *i)
{
    return i->insn->operand_bytes == 2 ? ENVIRONMENT_BYTES / 2 : ENVIRONMENT_BYTES;
}

/* The pointers as the upper four of seven words; in real mode they are linear addresses, in two parts. */
static void pointers_to_words(const struct x87_pointers *p, bool real, bool wide, uint32_t *word)
{
    if (!real) {
        word[0] = (uint32_t)p->ip;
        word[1] = (uint16_t)p->cs | (wide ? (uint32_t)p->opcode << 16 : 0);
        word[2] = (uint32_t)p->dp;
        word[3] = (uint16_t)p->ds;
        return;
    }
    uint32_t ip = (uint32_t)(p->ip + (p->cs << 4)), dp = (uint32_t)(p->dp + (p->ds << 4));
    uint32_t high = wide ? 0xffff : 0xf;
    word[0] = ip & 0xffff;
    word[1] = (ip >> 16 & high) << 12 | (uint32_t)p->opcode;
    word[2] = dp & 0xffff;
    word[3] = (dp >> 16 & high) << 12;
}

static struct x87_pointers words_to_pointers(const uint32_t *word, bool real, bool wide)
{
    if (!real)
        return (struct x87_pointers){.ip = word[0],
                                     .cs = word[1] & 0xffff,
                                     .opcode = wide ? word[1] >> 16 & X87_OPCODE_MASK : 0,
                                     .dp = word[2],
                                     .ds = word[3] & 0xffff};
    return (struct x87_pointers){.ip = (word[0] & 0xffff) | (word[1] >> 12) << 16,
                                 .opcode = word[1] & X87_OPCODE_MASK,
                                 .dp = (word[2] & 0xffff) | (word[3] >> 12) << 16};
}

/* Reserved halves come as the host's CPU writes them; the real-mode format has them where the host's
 * protected one has none, and its first word tells. */
static void fill_reserved(uint32_t *word, const uint32_t *host, bool real)
{
    const uint32_t upper = 0xffff0000u;
    if (real) {
        word[3] |= host[0] & upper;
        word[5] |= host[0] & upper;
    } else {
        word[6] |= host[6] & upper;
    }
}

static void make_image(struct dbt_cpu *c, const struct sys_insn *i, const uint32_t *host, uint8_t *image)
{
    bool wide = i->insn->operand_bytes != 2;
    struct x87_pointers p = x87_shown(c, X87_ENVIRONMENT, (uint16_t)host[1]);
    uint32_t word[7] = {host[0], host[1], host[2]};
    pointers_to_words(&p, real_segments(c), wide, word + 3);
    if (wide)
        fill_reserved(word, host, real_segments(c));
    for (unsigned n = 0; n < 7; n++)
        memcpy(image + n * (wide ? 4 : 2), &word[n], wide ? 4 : 2);
}

/* Control, status and tag word stay, as the host's instruction takes them. */
static struct x87_pointers take_image(const struct dbt_cpu *c, const struct sys_insn *i, const uint8_t *image,
                                      uint32_t *host)
{
    bool wide = i->insn->operand_bytes != 2;
    uint32_t word[7] = {0};
    for (unsigned n = 0; n < 7; n++)
        memcpy(&word[n], image + n * (wide ? 4 : 2), wide ? 4 : 2);
    memset(host, 0, ENVIRONMENT_BYTES);
    memcpy(host, word, 3 * sizeof word[0]);
    return words_to_pointers(word + 3, real_segments(c), wide);
}

/* ---- instructions ---- */

static bool x87_enabled(struct dbt_cpu *c)
{
    return !(c->v.cr0 & (CR0_EM | CR0_TS)) || dbt_raise(c, VECTOR_NM);
}

/* Those that are not FN... wait for exceptions: they raise them. */
static bool x87_waits(struct dbt_cpu *c)
{
    uint16_t status;
    __asm__ volatile("fnstsw %0" : "=m"(status));
    return x87_enabled(c) && (!(status & STATUS_ES) || dbt_raise(c, VECTOR_MF));
}

bool op_fnstenv(struct dbt_cpu *c, const struct sys_insn *i)
{
    uint32_t host[ENVIRONMENT_BYTES / 4];
    uint8_t image[ENVIRONMENT_BYTES];
    unsigned bytes = environment_bytes(i);
    gva_t linear;
    if (!x87_enabled(c) || !state_place(c, i, bytes, true, &linear))
        return false;
    __asm__ volatile("fnstenv %0" : "=m"(host));
    make_image(c, i, host, image);
    return state_write(c, linear, image, bytes);
}

bool op_fldenv(struct dbt_cpu *c, const struct sys_insn *i)
{
    uint32_t host[ENVIRONMENT_BYTES / 4];
    uint8_t image[ENVIRONMENT_BYTES];
    unsigned bytes = environment_bytes(i);
    gva_t linear;
    if (!x87_waits(c) || !state_place(c, i, bytes, false, &linear) || !state_read(c, linear, image, bytes))
        return false;
    struct x87_pointers p = take_image(c, i, image, host);
    x87_set_pointers(c, &p);
    __asm__ volatile("fldenv %0" : : "m"(host));
    return true;
}

static const struct x87_pointers no_pointers;

bool op_fnsave(struct dbt_cpu *c, const struct sys_insn *i)
{
    uint32_t host[(ENVIRONMENT_BYTES + REGISTER_BYTES) / 4];
    uint8_t image[ENVIRONMENT_BYTES + REGISTER_BYTES];
    unsigned bytes = environment_bytes(i);
    gva_t linear;
    if (!x87_enabled(c) || !state_place(c, i, bytes + REGISTER_BYTES, true, &linear))
        return false;
    __asm__ volatile("fnsave %0" : "=m"(host));
    make_image(c, i, host, image);
    memcpy(image + bytes, (uint8_t *)host + ENVIRONMENT_BYTES, REGISTER_BYTES);
    x87_set_pointers(c, &no_pointers);
    return state_write(c, linear, image, bytes + REGISTER_BYTES);
}

bool op_frstor(struct dbt_cpu *c, const struct sys_insn *i)
{
    uint32_t host[(ENVIRONMENT_BYTES + REGISTER_BYTES) / 4];
    uint8_t image[ENVIRONMENT_BYTES + REGISTER_BYTES];
    unsigned bytes = environment_bytes(i);
    gva_t linear;
    if (!x87_waits(c) || !state_place(c, i, bytes + REGISTER_BYTES, false, &linear) ||
        !state_read(c, linear, image, bytes + REGISTER_BYTES))
        return false;
    struct x87_pointers p = take_image(c, i, image, host);
    memcpy((uint8_t *)host + ENVIRONMENT_BYTES, image + bytes, REGISTER_BYTES);
    x87_set_pointers(c, &p);
    __asm__ volatile("frstor %0" : : "m"(host));
    return true;
}

bool op_fninit(struct dbt_cpu *c, const struct sys_insn *i)
{
    (void)i;
    if (!x87_enabled(c))
        return false;
    x87_set_pointers(c, &no_pointers);
    __asm__ volatile("fninit");
    return true;
}

bool op_fnclex(struct dbt_cpu *c, const struct sys_insn *i)
{
    uint16_t status;
    (void)i;
    if (!x87_enabled(c))
        return false;
    __asm__ volatile("fnstsw %0" : "=m"(status));
    if (status & STATUS_ES)
        note_fault(c);
    __asm__ volatile("fnclex");
    return true;
}
