/* LEB128 and zigzag: limits of the numbers and of the buffers. */
#include "unit.h"

#include "trace/leb128.h"

static const struct {
    uint64_t value;
    unsigned bytes;
} numbers[] = {{0, 1},           {1, 1},          {127, 1},        {128, 2},
               {16383, 2},       {16384, 3},      {1ull << 35, 6}, {(1ull << 63) - 1, 9},
               {1ull << 63, 10}, {UINT64_MAX, 10}};
#define NUMBERS (sizeof(numbers) / sizeof(numbers[0]))

static void numbers_come_back(void **state)
{
    (void)state;
    for (size_t i = 0; i < NUMBERS; i++) {
        uint8_t buffer[LEB_MAX];
        uint64_t value = 42;
        uint8_t *end = leb_put(buffer, numbers[i].value);
        assert_int_equal(end - buffer, numbers[i].bytes);
        assert_int_equal(leb_bytes(numbers[i].value), numbers[i].bytes);
        assert_ptr_equal(leb_read(buffer, end, &value), end);
        assert_int_equal(value, numbers[i].value);
    }
}

static void reader_stops_at_the_end(void **state)
{
    (void)state;
    for (size_t i = 0; i < NUMBERS; i++) {
        uint8_t buffer[LEB_MAX];
        uint64_t value;
        uint8_t *end = leb_put(buffer, numbers[i].value);
        for (uint8_t *early = buffer; early < end; early++)
            assert_null(leb_read(buffer, early, &value));
    }
}

static void writer_stops_at_the_end(void **state)
{
    (void)state;
    for (size_t i = 0; i < NUMBERS; i++)
        for (unsigned room = 0; room <= LEB_MAX; room++) {
            uint8_t buffer[LEB_MAX + 1];
            memset(buffer, 0xaa, sizeof(buffer));
            uint8_t *end = leb_write(buffer, buffer + room, numbers[i].value);
            assert_ptr_equal(end, room >= numbers[i].bytes ? buffer + numbers[i].bytes : NULL);
            for (size_t k = end ? numbers[i].bytes : 0; k < sizeof(buffer); k++)
                assert_int_equal(buffer[k], 0xaa);
        }
}

static void more_than_64_bits_is_an_error(void **state)
{
    (void)state;
    uint8_t bit_64[] = {0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x02};
    uint8_t eleven[] = {0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00};
    uint8_t padded[] = {0x85, 0x80, 0x00};
    uint64_t value;
    assert_null(leb_read(bit_64, bit_64 + sizeof(bit_64), &value));
    assert_null(leb_read(eleven, eleven + sizeof(eleven), &value));
    assert_ptr_equal(leb_read(padded, padded + sizeof(padded), &value), padded + 3);
    assert_int_equal(value, 5);
}

static void zigzag(void **state)
{
    (void)state;
    const struct {
        int64_t n;
        uint64_t z;
    } known[] = {{0, 0}, {-1, 1}, {1, 2}, {-2, 3}, {INT64_MAX, UINT64_MAX - 1}, {INT64_MIN, UINT64_MAX}};
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        assert_int_equal(zig_encode(known[i].n), known[i].z);
        assert_int_equal(zig_decode(known[i].z), known[i].n);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_come_back), cmocka_unit_test(reader_stops_at_the_end),
        cmocka_unit_test(writer_stops_at_the_end), cmocka_unit_test(more_than_64_bits_is_an_error),
        cmocka_unit_test(zigzag)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
