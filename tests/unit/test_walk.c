/* Guest page tables of all paging modes, in a fake memory. */
#include "unit.h"

#include "fake_memory.h"
#include "vmx/walk.h"
#include "x86/paging.h"

/* What guest_memory.c is in the hypervisor. */
gpa_t guest_memory_plain_end;
const void *guest_memory_slow(gpa_t p)
{
    return fake_read(p, 1);
}

#define P PTE_PRESENT
#define A PTE_ACCESSED
#define D PTE_DIRTY
#define PS PTE_PAGE_SIZE
#define ROOT 0x1000u

static struct walk w;

static int clear_memory(void **state)
{
    (void)state;
    fake_clear(0);
    memset(&w, 0xee, sizeof w);
    return 0;
}

static const struct paging_state unpaged = {.cr0 = CR0_PE};
static const struct paging_state paging_32 = {.cr0 = CR0_PE | CR0_PG, .cr3 = ROOT | 0x18};
static const struct paging_state paging_pse = {.cr0 = CR0_PE | CR0_PG, .cr3 = ROOT, .cr4 = CR4_PSE};
static const struct paging_state paging_pae = {
    .cr0 = CR0_PE | CR0_PG, .cr3 = ROOT, .cr4 = CR4_PAE, .pdpte = {0x2000 | P, 0, 0x3000 | P, 0x3000}};
static const struct paging_state paging_4 = {
    .cr0 = CR0_PE | CR0_PG, .cr3 = ROOT | 0xfff, .cr4 = CR4_PAE, .efer = EFER_LME | EFER_LMA};
static const struct paging_state paging_5 = {
    .cr0 = CR0_PE | CR0_PG, .cr3 = ROOT, .cr4 = CR4_PAE | CR4_LA57, .efer = EFER_LME | EFER_LMA};

static void without_paging_addresses_have_32_bits(void **state)
{
    (void)state;
    assert_true(guest_walk(&unpaged, 0x1fffff123, &w));
    assert_int_equal(w.gpa, 0xfffff123);
    assert_int_equal(w.levels, 0);
    assert_true(w.dirty);
}

static void two_levels(void **state)
{
    (void)state;
    poke32(ROOT + 0x301 * 4, 0x5000 | P | A);
    poke32(0x5000 + 0x123 * 4, 0xabcde000 | P | A | D);
    assert_true(guest_walk(&paging_32, 0xc0523456, &w));
    assert_int_equal(w.gpa, 0xabcde456);
    assert_int_equal(w.page_bytes, 4096);
    assert_int_equal(w.levels, 2);
    assert_int_equal(w.entry_bytes, 4);
    assert_int_equal(w.entry_gpa[0], ROOT + 0x301 * 4);
    assert_int_equal(w.entry_gpa[1], 0x5000 + 0x123 * 4);
    assert_int_equal(w.entry[1], 0xabcde000 | P | A | D);
    assert_true(w.dirty);
    assert_false(guest_walk(&paging_32, 0xc0524456, &w)); /* no table entry */
    assert_false(guest_walk(&paging_32, 0x00523456, &w)); /* no directory entry */
}

/* A write changes an entry if D is missing where the page is mapped, or A anywhere. */
static void dirty_needs_every_accessed_bit(void **state)
{
    (void)state;
    static const struct {
        uint32_t directory, table;
        bool dirty;
    } cases[] = {{A, A | D, true}, {0, A | D, false}, {A, D, false}, {A, A, false}, {A | D, A, false}};
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        poke32(ROOT, 0x5000 | P | cases[i].directory);
        poke32(0x5000, 0x7000 | P | cases[i].table);
        assert_true(guest_walk(&paging_32, 0, &w));
        assert_int_equal(w.dirty, cases[i].dirty);
    }
}

static void four_mib_pages_reach_40_bits(void **state)
{
    (void)state;
    poke32(ROOT + 4, 0x00c00000 | 0x9b << 13 | PS | P | A | D);
    assert_true(guest_walk(&paging_pse, 0x7fedcb, &w));
    assert_int_equal(w.gpa, 0x9b00c00000 + 0x3fedcb);
    assert_int_equal(w.page_bytes, 4 << 20);
    assert_int_equal(w.levels, 1);
    assert_true(w.dirty);
    /* Without CR4.PSE the bit says nothing. */
    poke32(ROOT + 4, 0x5000 | PS | P);
    poke32(0x5000 + 0x3fe * 4, 0x9000 | P);
    assert_true(guest_walk(&paging_32, 0x7fedcb, &w));
    assert_int_equal(w.gpa, 0x9dcb);
    assert_int_equal(w.levels, 2);
}

static void pae_uses_the_pointers_that_the_cpu_holds(void **state)
{
    (void)state;
    poke64(0x3000 + 0x1ff * 8, 0x4000 | P | A);
    poke64(0x4000 + 0x1fe * 8, 0x8000123456789000 | P | A | D); /* execute-disable is no address bit */
    assert_true(guest_walk(&paging_pae, 0xbfffe321, &w));
    assert_int_equal(w.gpa, 0x123456789321);
    assert_int_equal(w.levels, 2); /* the pointers in the CPU have no A bit that a walk sets */
    assert_int_equal(w.entry_bytes, 8);
    assert_int_equal(w.entry_gpa[0], 0x3000 + 0x1ff * 8);
    assert_true(w.dirty);
    assert_true(guest_walk(&paging_pae, 0x5bfffe321, &w)); /* 32 bits */
    assert_int_equal(w.gpa, 0x123456789321);
    assert_false(guest_walk(&paging_pae, 0x7fffe321, &w));
    assert_false(guest_walk(&paging_pae, 0xffffe321, &w)); /* not present, though there is a table */
    poke64(0x2000 + 3 * 8, 0x40000000 | PS | P | A);
    assert_true(guest_walk(&paging_pae, 0x7fffff, &w));
    assert_int_equal(w.gpa, 0x401fffff);
    assert_int_equal(w.page_bytes, 2 << 20);
    assert_false(w.dirty);
}

#define LINEAR 0xffff923456789abcull
#define INDEX(level) ((LINEAR >> (12 + 9 * ((level)-1)) & 0x1ff) * 8)

static void build_4_levels(void)
{
    poke64(ROOT + INDEX(4), 0x2000 | P | A);
    poke64(0x2000 + INDEX(3), 0x3000 | P | A);
    poke64(0x3000 + INDEX(2), 0x4000 | P | A);
    poke64(0x4000 + INDEX(1), 0x5000 | P | A | D | PS); /* PAT here */
}

static void four_levels(void **state)
{
    (void)state;
    build_4_levels();
    assert_true(guest_walk(&paging_4, LINEAR, &w));
    assert_int_equal(w.gpa, 0x5abc);
    assert_int_equal(w.page_bytes, 4096);
    assert_int_equal(w.levels, 4);
    assert_int_equal(w.entry_gpa[0], ROOT + INDEX(4));
    assert_int_equal(w.entry_gpa[3], 0x4000 + INDEX(1));
    assert_true(w.dirty);
    for (unsigned level = 1; level <= 4; level++) {
        static const uint32_t tables[] = {0, 0x4000, 0x3000, 0x2000, ROOT};
        build_4_levels();
        poke64(tables[level] + INDEX(level), 0x5000 | A | D);
        assert_false(guest_walk(&paging_4, LINEAR, &w));
    }
}

static void large_pages(void **state)
{
    (void)state;
    build_4_levels();
    poke64(0x3000 + INDEX(2), 0x12345600000 | P | A | D | PS);
    assert_true(guest_walk(&paging_4, LINEAR, &w));
    assert_int_equal(w.gpa, 0x12345600000 + (LINEAR & 0x1fffff));
    assert_int_equal(w.page_bytes, 2 << 20);
    assert_int_equal(w.levels, 3);
    assert_true(w.dirty);
    poke64(0x2000 + INDEX(3), 0x12340001000 | P | A | D | PS); /* bit 12 is PAT */
    assert_true(guest_walk(&paging_4, LINEAR, &w));
    assert_int_equal(w.gpa, 0x12340000000 + (LINEAR & 0x3fffffff));
    assert_int_equal(w.page_bytes, 1 << 30);
    assert_int_equal(w.levels, 2);
}

static void five_levels(void **state)
{
    (void)state;
    build_4_levels();
    poke64(0x6000 + INDEX(4), 0x2000 | P);
    poke64(ROOT + INDEX(5), 0x6000 | P);
    assert_true(guest_walk(&paging_5, LINEAR, &w));
    assert_int_equal(w.gpa, 0x5abc);
    assert_int_equal(w.levels, 5);
    assert_false(w.dirty);
}

static void reading_stops_at_the_first_hole(void **state)
{
    (void)state;
    uint8_t bytes[0x2000];
    poke32(ROOT, 0x5000 | P);
    poke32(0x5000, 0x9000 | P);
    poke32(0x5004, 0x7000 | P);
    poke_text(0x9ffc, "abcd");
    poke_text(0x7000, "efgh");
    assert_int_equal(guest_read_linear(&paging_32, 0xffc, bytes, 8), 8);
    assert_memory_equal(bytes, "abcdefgh", 8);
    assert_int_equal(guest_read_linear(&paging_32, 0xffc, bytes, sizeof bytes), 0x1004);
}

static void where_nothing_is_ones_are_read(void **state)
{
    (void)state;
    uint8_t bytes[8];
    memset(bytes, 0, sizeof bytes);
    poke32(FAKE_BYTES - 4, 0);
    guest_read(FAKE_BYTES - 4, bytes, sizeof bytes);
    assert_memory_equal(bytes, "\0\0\0\0\xff\xff\xff\xff", 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(without_paging_addresses_have_32_bits, clear_memory),
        cmocka_unit_test_setup(two_levels, clear_memory),
        cmocka_unit_test_setup(dirty_needs_every_accessed_bit, clear_memory),
        cmocka_unit_test_setup(four_mib_pages_reach_40_bits, clear_memory),
        cmocka_unit_test_setup(pae_uses_the_pointers_that_the_cpu_holds, clear_memory),
        cmocka_unit_test_setup(four_levels, clear_memory),
        cmocka_unit_test_setup(large_pages, clear_memory),
        cmocka_unit_test_setup(five_levels, clear_memory),
        cmocka_unit_test_setup(reading_stops_at_the_first_hole, clear_memory),
        cmocka_unit_test_setup(where_nothing_is_ones_are_read, clear_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
