/* The DBT's emitter: each instruction as the SDM encodes it. */
#include "unit.h"

#include "dbt/dbt.h"

struct written {
    uint8_t bytes[32];
    struct emit e;
};

static struct written start(void)
{
    return (struct written){.bytes = {0}};
}
#define EMIT(call, ...)                                                                                      \
    do {                                                                                                     \
        struct written w = start();                                                                          \
        struct emit *e = &w.e;                                                                               \
        *e = (struct emit){.p = w.bytes, .end = w.bytes + sizeof(w.bytes)};                                  \
        call;                                                                                                \
        const uint8_t expected[] = {__VA_ARGS__};                                                            \
        assert_int_equal(e->p - w.bytes, sizeof(expected));                                                  \
        assert_memory_equal(w.bytes, expected, sizeof(expected));                                            \
    } while (0)

static void moves(void **state)
{
    (void)state;
    EMIT(emit_load(e, 4, RAX, at(R12, 0)), 0x41, 0x8b, 0x04, 0x24);
    EMIT(emit_load(e, 8, R13, at(R13, 0)), 0x4d, 0x8b, 0x6d, 0x00);
    EMIT(emit_load(e, 1, RSI, at(RBX, 5)), 0x40, 0x8a, 0x73, 0x05);
    EMIT(emit_load_zx(e, 2, R13, at(R12, 0)), 0x45, 0x0f, 0xb7, 0x2c, 0x24);
    EMIT(emit_store(e, 2, RCX, at(R14, 0x80)), 0x66, 0x41, 0x89, 0x8e, 0x80, 0, 0, 0);
    EMIT(emit_store(e, 8, RCX, state_at(0x10)), 0x65, 0x48, 0x89, 0x0c, 0x25, 0x10, 0, 0, 0);
    EMIT(emit_load(e, 8, RCX, state_indexed(0x100, R13)), 0x65, 0x4a, 0x8b, 0x0c, 0xed, 0, 1, 0, 0);
    EMIT(emit_store_imm32(e, 4, 7, at(R14, 0)), 0x41, 0xc7, 0x06, 7, 0, 0, 0);
    EMIT(emit_move_zx(e, 1, R13, R13), 0x45, 0x0f, 0xb6, 0xed);
    EMIT(emit_move_zx(e, 1, RAX, RSI), 0x40, 0x0f, 0xb6, 0xc6);
    EMIT(emit_constant(e, R12, 0x12345678), 0x41, 0xbc, 0x78, 0x56, 0x34, 0x12);
    EMIT(emit_constant(e, RCX, ~0ull), 0x48, 0xc7, 0xc1, 0xff, 0xff, 0xff, 0xff);
    EMIT(emit_constant(e, RCX, 1ull << 40), 0x48, 0xb9, 0, 0, 0, 0, 0, 1, 0, 0);
}

static void addresses(void **state)
{
    (void)state;
    EMIT(emit_lea(e, 8, RSP, at(RSP, -8)), 0x48, 0x8d, 0x64, 0x24, 0xf8);
    EMIT(emit_lea(e, 2, RSP, at(RSP, -2)), 0x66, 0x8d, 0x64, 0x24, 0xfe);
    EMIT(emit_lea(e, 4, R12, ((struct operand){.base = RDI, .index = R9, .scale = 4, .disp = 256})), 0x46,
         0x8d, 0xa4, 0x8f, 0, 1, 0, 0);
    EMIT(emit_lea_no_base(e, 8, RAX, RCX, 8, 16), 0x48, 0x8d, 0x04, 0xcd, 16, 0, 0, 0);
}

static void bit_fields(void **state)
{
    (void)state;
    EMIT(emit_rorx(e, 4, R13, R12, 12), 0xc4, 0x43, 0x7b, 0xf0, 0xec, 12);
    EMIT(emit_pext(e, RCX, RCX, state_at(8)), 0x65, 0xc4, 0xe2, 0xf2, 0xf5, 0x0c, 0x25, 8, 0, 0, 0);
    EMIT(emit_pext(e, R12, R13, state_at(8)), 0x65, 0xc4, 0x62, 0x92, 0xf5, 0x24, 0x25, 8, 0, 0, 0);
}

static void arithmetic(void **state)
{
    (void)state;
    EMIT(emit_add_mem(e, 8, R12, state_indexed(0x78, R13)), 0x65, 0x4e, 0x03, 0x24, 0xed, 0x78, 0, 0, 0);
    EMIT(emit_cmp_imm32(e, 8, R12, 0xffc), 0x49, 0x81, 0xfc, 0xfc, 0x0f, 0, 0);
}

static void jumps(void **state)
{
    (void)state;
    EMIT(emit_jmp(e, w.bytes), 0xe9, 0xfb, 0xff, 0xff, 0xff);
    EMIT(emit_jcc(e, CC_A, w.bytes), 0x0f, 0x87, 0xfa, 0xff, 0xff, 0xff);
    EMIT(emit_here(e, emit_jrcxz(e, 8)), 0xe3, 0x00);
    EMIT(emit_jmp_mem(e, state_indexed(0, R12)), 0x65, 0x42, 0xff, 0x24, 0xe5, 0, 0, 0, 0);
}

static void what_does_not_fit_is_noticed(void **state)
{
    (void)state;
    uint8_t bytes[4];
    struct emit e = {.p = bytes, .end = bytes + 2};
    emit_constant(&e, RAX, 1);
    assert_true(e.full);
    assert_true(e.p <= e.end);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(moves),      cmocka_unit_test(addresses),
        cmocka_unit_test(bit_fields), cmocka_unit_test(arithmetic),
        cmocka_unit_test(jumps),      cmocka_unit_test(what_does_not_fit_is_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
