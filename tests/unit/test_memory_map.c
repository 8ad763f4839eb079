/* Memory maps: firmware's in any order and with contradictions, and places found in them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "memory_map.h"

static struct memory_map map, taken;

static void add(hpa_t start, hpa_t end, uint32_t type)
{
    assert_true(memory_map_add(&map, start, end, type));
}

static void expect(const struct memory_range *ranges, size_t count)
{
    assert_int_equal(map.count, count);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(map.range[i].start, ranges[i].start);
        assert_int_equal(map.range[i].end, ranges[i].end);
        assert_int_equal(map.range[i].type, ranges[i].type);
    }
}
#define EXPECT(...)                                                                                          \
    do {                                                                                                     \
        const struct memory_range ranges_[] = {__VA_ARGS__};                                                 \
        expect(ranges_, ARRAY_SIZE(ranges_));                                                                \
    } while (0)

static int start_empty(void **state)
{
    (void)state;
    map.count = taken.count = 0;
    return 0;
}

static void any_order_becomes_sorted(void **state)
{
    (void)state;
    add(0x3000, 0x4000, MEMORY_RAM);
    add(0x1000, 0x2000, MEMORY_NVS);
    add(0x8000, 0x9000, MEMORY_RESERVED);
    add(0, 0x800, MEMORY_RAM);
    EXPECT({0, 0x800, MEMORY_RAM}, {0x1000, 0x2000, MEMORY_NVS}, {0x3000, 0x4000, MEMORY_RAM},
           {0x8000, 0x9000, MEMORY_RESERVED});
}

static void neighbours_of_a_type_are_joined(void **state)
{
    (void)state;
    add(0x1000, 0x2000, MEMORY_RAM);
    add(0x3000, 0x4000, MEMORY_RAM);
    add(0x2000, 0x3000, MEMORY_RAM);
    EXPECT({0x1000, 0x4000, MEMORY_RAM});
    add(0x4000, 0x5000, MEMORY_ACPI);
    EXPECT({0x1000, 0x4000, MEMORY_RAM}, {0x4000, 0x5000, MEMORY_ACPI});
}

static void reserved_wins_whichever_comes_first(void **state)
{
    (void)state;
    add(0x1000, 0x5000, MEMORY_RAM);
    add(0x2000, 0x3000, MEMORY_RESERVED);
    EXPECT({0x1000, 0x2000, MEMORY_RAM}, {0x2000, 0x3000, MEMORY_RESERVED}, {0x3000, 0x5000, MEMORY_RAM});
    map.count = 0;
    add(0x2000, 0x3000, MEMORY_RESERVED);
    add(0x1000, 0x5000, MEMORY_RAM);
    EXPECT({0x1000, 0x2000, MEMORY_RAM}, {0x2000, 0x3000, MEMORY_RESERVED}, {0x3000, 0x5000, MEMORY_RAM});
}

static void order_of_care(void **state)
{
    (void)state;
    add(0, 0x6000, MEMORY_RAM);
    add(0x1000, 0x6000, MEMORY_ACPI);
    add(0x2000, 0x6000, MEMORY_NVS);
    add(0x3000, 0x6000, MEMORY_RESERVED);
    add(0x4000, 0x6000, MEMORY_BAD);
    add(0, 0x6000, MEMORY_RAM);
    EXPECT({0, 0x1000, MEMORY_RAM}, {0x1000, 0x2000, MEMORY_ACPI}, {0x2000, 0x3000, MEMORY_NVS},
           {0x3000, 0x4000, MEMORY_RESERVED}, {0x4000, 0x6000, MEMORY_BAD});
}

static void unknown_types_are_reserved(void **state)
{
    (void)state;
    add(0, 0x1000, 0);
    add(0x2000, 0x3000, 12);
    add(0x4000, 0x5000, 0xffffffff);
    EXPECT({0, 0x1000, MEMORY_RESERVED}, {0x2000, 0x3000, MEMORY_RESERVED},
           {0x4000, 0x5000, MEMORY_RESERVED});
}

static void empty_and_reversed_ranges_change_nothing(void **state)
{
    (void)state;
    add(0x1000, 0x2000, MEMORY_RAM);
    add(0x1800, 0x1800, MEMORY_BAD);
    add(0x3000, 0x1000, MEMORY_BAD);
    EXPECT({0x1000, 0x2000, MEMORY_RAM});
}

static void a_full_list_is_an_error_and_stays(void **state)
{
    static struct memory_map before;

    (void)state;
    for (uint64_t i = 0; i < MEMORY_RANGES_MAX; i++)
        add(i * 0x2000, i * 0x2000 + 0x1000, MEMORY_RAM);
    before = map;
    assert_false(memory_map_add(&map, 0x10000000, 0x10001000, MEMORY_RAM));
    assert_false(memory_map_add(&map, 0x400, 0x800, MEMORY_BAD));
    assert_memory_equal(&map, &before, sizeof(map));
    add(0, UINT64_MAX, MEMORY_BAD);
    EXPECT({0, UINT64_MAX, MEMORY_BAD});
}

/* Against one byte of type per 16 addresses: the same rule, written the slow way. */
static void random_maps_agree_with_a_table(void **state)
{
    static const int care[] = {0, 1, 4, 2, 3, 5}; /* index: type */
    enum { SLOTS = 64 };

    (void)state;
    srand(1);
    for (int round = 0; round < 2000; round++) {
        uint8_t table[SLOTS] = {0};

        map.count = 0;
        for (int n = 0; n < 12; n++) {
            unsigned start = (unsigned)rand() % SLOTS, end = start + (unsigned)rand() % (SLOTS - start + 1);
            uint8_t type = (uint8_t)(1 + rand() % 5);

            add(start * 16, end * 16, type);
            for (unsigned i = start; i < end; i++)
                if (care[type] > care[table[i]])
                    table[i] = type;
        }
        for (unsigned i = 0; i < SLOTS; i++) {
            int found = 0;

            for (size_t r = 0; r < map.count; r++)
                if (map.range[r].start <= i * 16 && i * 16 < map.range[r].end)
                    found = (int)map.range[r].type;
            assert_int_equal(found, table[i]);
        }
        for (size_t r = 0; r < map.count; r++) {
            assert_true(map.range[r].start < map.range[r].end);
            if (r) {
                assert_true(map.range[r - 1].end <= map.range[r].start);
                assert_false(map.range[r - 1].end == map.range[r].start &&
                             map.range[r - 1].type == map.range[r].type);
            }
        }
    }
}

static void the_guest_sees_hidden_ranges_as_reserved(void **state)
{
    static struct machine m;

    (void)state;
    memset(&m, 0, sizeof(m));
    m.map[0] = (struct memory_range){0, 0x9f000, MEMORY_RAM};
    m.map[1] = (struct memory_range){0x100000, 0x8000000, MEMORY_RAM};
    m.map_count = 2;
    m.hidden[0] = (struct memory_range){0x7000000, 0x8000000, MEMORY_RESERVED};
    m.hidden[1] = (struct memory_range){0x5000000, 0x6000000, MEMORY_RESERVED};
    m.hidden_count = 2;
    assert_true(memory_map_of_guest(&map, &m));
    EXPECT({0, 0x9f000, MEMORY_RAM}, {0x100000, 0x5000000, MEMORY_RAM},
           {0x5000000, 0x6000000, MEMORY_RESERVED}, {0x6000000, 0x7000000, MEMORY_RAM},
           {0x7000000, 0x8000000, MEMORY_RESERVED});
}

static void ram_without_holes(void **state)
{
    (void)state;
    add(0x1000, 0x3000, MEMORY_RAM);
    add(0x3000, 0x4000, MEMORY_ACPI);
    add(0x4000, 0x6000, MEMORY_RAM);
    assert_true(memory_map_is_ram(&map, 0x1000, 0x3000));
    assert_true(memory_map_is_ram(&map, 0x2000, 0x2001));
    assert_false(memory_map_is_ram(&map, 0xfff, 0x2000));
    assert_false(memory_map_is_ram(&map, 0x2000, 0x3001));
    assert_false(memory_map_is_ram(&map, 0x2000, 0x5000));
    assert_false(memory_map_is_ram(&map, 0x6000, 0x6001));
}

static void places(void **state)
{
    hpa_t place;

    (void)state;
    add(0x1000, 0x5000, MEMORY_RAM);
    add(0x6000, 0x10000, MEMORY_RAM);
    memory_map_add(&taken, 0x1800, 0x2800, MEMORY_RESERVED);
    memory_map_add(&taken, 0xe000, 0xf000, MEMORY_RESERVED);

    assert_true(memory_map_find_lowest(&map, &taken, 0, UINT64_MAX, 0x800, 0x800, &place));
    assert_int_equal(place, 0x1000);
    assert_true(memory_map_find_lowest(&map, &taken, 0, UINT64_MAX, 0x1000, 0x1000, &place));
    assert_int_equal(place, 0x3000);
    assert_true(memory_map_find_lowest(&map, &taken, 0, UINT64_MAX, 0x3000, 0x1000, &place));
    assert_int_equal(place, 0x6000);
    assert_false(memory_map_find_lowest(&map, &taken, 0, UINT64_MAX, 0x8001, 1, &place));
    assert_true(memory_map_find_lowest(&map, &taken, 0x3800, UINT64_MAX, 0x1000, 1, &place));
    assert_int_equal(place, 0x3800);
    assert_false(memory_map_find_lowest(&map, &taken, 0x3800, 0x4000, 0x1000, 1, &place));

    assert_true(memory_map_find_highest(&map, &taken, 0, UINT64_MAX, 0x1000, 0x1000, &place));
    assert_int_equal(place, 0xf000);
    assert_true(memory_map_find_highest(&map, &taken, 0, UINT64_MAX, 0x2000, 0x1000, &place));
    assert_int_equal(place, 0xc000);
    assert_true(memory_map_find_highest(&map, &taken, 0, 0x5800, 0x800, 16, &place));
    assert_int_equal(place, 0x4800);
    assert_true(memory_map_find_highest(&map, &taken, 0, 0x2000, 0x800, 0x400, &place));
    assert_int_equal(place, 0x1000);
    assert_false(memory_map_find_highest(&map, &taken, 0x1800, 0x2800, 0x10, 16, &place));
}

static void no_wrap_at_the_top(void **state)
{
    hpa_t place;

    (void)state;
    add(UINT64_MAX - 0x1000, UINT64_MAX, MEMORY_RAM);
    assert_false(memory_map_find_lowest(&map, &taken, 0, UINT64_MAX, 0x800, 0x2000, &place));
    assert_false(memory_map_find_lowest(&map, &taken, 0, UINT64_MAX, UINT64_MAX, 1, &place));
    assert_false(memory_map_find_highest(&map, &taken, 0, UINT64_MAX, UINT64_MAX, 1, &place));
    assert_true(memory_map_find_highest(&map, &taken, 0, UINT64_MAX, 0x800, 0x800, &place));
    assert_int_equal(place, UINT64_MAX - 0xfff);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(any_order_becomes_sorted, start_empty),
        cmocka_unit_test_setup(neighbours_of_a_type_are_joined, start_empty),
        cmocka_unit_test_setup(reserved_wins_whichever_comes_first, start_empty),
        cmocka_unit_test_setup(order_of_care, start_empty),
        cmocka_unit_test_setup(unknown_types_are_reserved, start_empty),
        cmocka_unit_test_setup(empty_and_reversed_ranges_change_nothing, start_empty),
        cmocka_unit_test_setup(a_full_list_is_an_error_and_stays, start_empty),
        cmocka_unit_test_setup(random_maps_agree_with_a_table, start_empty),
        cmocka_unit_test_setup(the_guest_sees_hidden_ranges_as_reserved, start_empty),
        cmocka_unit_test_setup(ram_without_holes, start_empty),
        cmocka_unit_test_setup(places, start_empty),
        cmocka_unit_test_setup(no_wrap_at_the_top, start_empty),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
