/* Decimal arithmetic, which 64-bit mode does not have (SDM Vol. 2A, AAA to AAS; Vol. 2A, DAA, DAS), and SALC.
 * Flags that are undefined stay as they were. */
#include "dbt/sys/parts.h"

#define RFLAGS_CF (1ull << 0)
#define RFLAGS_PF (1ull << 2)
#define RFLAGS_AF (1ull << 4)
#define RFLAGS_SF (1ull << 7)
#define LOW_DIGIT 0xfu

static uint8_t al(const struct dbt_cpu *c)
{
    return (uint8_t)c->v.gpr[RAX];
}

static void set_ax(struct dbt_cpu *c, unsigned ah, unsigned value)
{
    write_gpr(c, RAX, (ah & 0xff) << 8 | (value & 0xff), 2);
}

static unsigned ah(const struct dbt_cpu *c)
{
    return c->v.gpr[RAX] >> 8 & 0xff;
}

static uint64_t flags_of_result(uint8_t value)
{
    uint8_t parity = value;
    parity ^= parity >> 4;
    parity ^= parity >> 2;
    parity ^= parity >> 1;
    return (value ? 0 : RFLAGS_ZF) | (value & 0x80 ? RFLAGS_SF : 0) | (parity & 1 ? 0 : RFLAGS_PF);
}
#define FLAGS_OF_RESULT (RFLAGS_ZF | RFLAGS_SF | RFLAGS_PF)

static bool digit_overflows(const struct dbt_cpu *c)
{
    return (al(c) & LOW_DIGIT) > 9 || (c->v.rflags & RFLAGS_AF);
}

/* DAA and DAS: 6 and 60H are added or subtracted. */
static void adjust_packed(struct dbt_cpu *c, int sign)
{
    uint8_t before = al(c);
    unsigned value = before;
    bool carry = c->v.rflags & RFLAGS_CF, was_carry = carry, low = digit_overflows(c);
    bool high = before > 0x99 || was_carry;
    if (low) {
        value += (unsigned)(6 * sign);
        carry = was_carry || value > 0xff;
    } else {
        carry = false;
    }
    if (high) {
        value += (unsigned)(0x60 * sign);
        carry = true;
    } else if (sign > 0) {
        carry = false;
    }
    set_ax(c, ah(c), value);
    set_flags(c, (carry ? RFLAGS_CF : 0) | (low ? RFLAGS_AF : 0) | flags_of_result((uint8_t)value),
              RFLAGS_CF | RFLAGS_AF | FLAGS_OF_RESULT);
}

bool op_daa(struct dbt_cpu *c, const struct sys_insn *i)
{
    (void)i;
    adjust_packed(c, 1);
    return true;
}

bool op_das(struct dbt_cpu *c, const struct sys_insn *i)
{
    (void)i;
    adjust_packed(c, -1);
    return true;
}

/* AAA and AAS: AX is 106H more or less. */
static void adjust_unpacked(struct dbt_cpu *c, int sign)
{
    bool over = digit_overflows(c);
    unsigned ax = (uint16_t)c->v.gpr[RAX];
    if (over)
        ax += (unsigned)(0x106 * sign);
    set_ax(c, ax >> 8, ax & LOW_DIGIT);
    set_flags(c, over ? RFLAGS_CF | RFLAGS_AF : 0, RFLAGS_CF | RFLAGS_AF);
}

bool op_aaa(struct dbt_cpu *c, const struct sys_insn *i)
{
    (void)i;
    adjust_unpacked(c, 1);
    return true;
}

bool op_aas(struct dbt_cpu *c, const struct sys_insn *i)
{
    (void)i;
    adjust_unpacked(c, -1);
    return true;
}

bool op_aam(struct dbt_cpu *c, const struct sys_insn *i)
{
    uint8_t base = i->immediate[0], value = al(c);
    if (!base)
        return dbt_raise(c, VECTOR_DE);
    set_ax(c, value / base, value % base);
    set_flags(c, flags_of_result((uint8_t)(value % base)), FLAGS_OF_RESULT);
    return true;
}

bool op_aad(struct dbt_cpu *c, const struct sys_insn *i)
{
    uint8_t value = (uint8_t)(al(c) + ah(c) * i->immediate[0]);
    set_ax(c, 0, value);
    set_flags(c, flags_of_result(value), FLAGS_OF_RESULT);
    return true;
}

/* Not in the SDM, in every processor: AL is all ones if there is a carry, else 0. */
bool op_salc(struct dbt_cpu *c, const struct sys_insn *i)
{
    (void)i;
    set_ax(c, ah(c), c->v.rflags & RFLAGS_CF ? 0xff : 0);
    return true;
}
