/* CRC-32C against the values of RFC 3720, B.4, and the table against the instruction. */
#include "unit.h"

#include "trace/crc32c.h"

static void known_answers(void **state)
{
    (void)state;
    uint8_t zeros[32] = {0}, ones[32], up[32], down[32];
    memset(ones, 0xff, sizeof(ones));
    for (int i = 0; i < 32; i++) {
        up[i] = (uint8_t)i;
        down[i] = (uint8_t)(31 - i);
    }
    const struct {
        const void *data;
        size_t bytes;
        uint32_t crc;
    } known[] = {
        {"", 0, 0},           {"123456789", 9, 0xe3069283}, {zeros, 32, 0x8a9136aa}, {ones, 32, 0x62a8ab43},
        {up, 32, 0x46dd794e}, {down, 32, 0x113fdb5c}};
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        assert_int_equal(crc32c(known[i].data, known[i].bytes), known[i].crc);
        assert_int_equal(crc32c_more_by_table(0, known[i].data, known[i].bytes), known[i].crc);
    }
}

static void pieces_and_alignments_agree(void **state)
{
    (void)state;
    uint8_t data[300];
    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (uint8_t)(i * 151 + (i >> 3));
    for (size_t start = 0; start < 9; start++)
        for (size_t end = start; end <= sizeof(data); end += 7) {
            uint32_t whole = crc32c_more_by_table(0, data + start, end - start);
            assert_int_equal(crc32c(data + start, end - start), whole);
            size_t middle = start + (end - start) / 3;
            uint32_t pieces = crc32c_more(crc32c(data + start, middle - start), data + middle, end - middle);
            assert_int_equal(pieces, whole);
        }
}

static void without_the_instruction(void **state)
{
    crc32c_avoid_instruction();
    known_answers(state);
    pieces_and_alignments_agree(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(known_answers),
                                       cmocka_unit_test(pieces_and_alignments_agree),
                                       cmocka_unit_test(without_the_instruction)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
