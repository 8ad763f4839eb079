/* Page walks in every paging mode, against SDM Vol. 3A, chapter 4. */
#include "dbt_machine.h"

#define FRAME 0x155000u

static bool translate(gva_t at, unsigned access, gpa_t *gpa)
{
    return dbt_translate(&cpu, at, access, gpa);
}

static void expect_gpa(gva_t at, unsigned access, gpa_t expected)
{
    gpa_t got = 0;
    if (!translate(at, access, &got))
        fail_msg("0x%lx: expected 0x%lx, got vector %u error 0x%x", at, expected, cpu.fault.vector,
                 cpu.fault.error);
    if (got != expected)
        fail_msg("0x%lx: expected 0x%lx, got 0x%lx", at, expected, got);
}

static void expect_page_fault(gva_t at, unsigned access, uint32_t error)
{
    gpa_t got;
    expect_fault(translate(at, access, &got), VECTOR_PF, true, error);
    assert_int_equal(cpu.fault.address, at);
}

static void paging_32(uint64_t cr4)
{
    machine_protected(0);
    cpu.v.cr0 |= CR0_PG;
    cpu.v.cr3 = TABLES;
    cpu.v.cr4 = cr4;
}

static void paging_pae(void)
{
    paging_32(CR4_PAE);
    cpu.v.efer = EFER_NXE;
    cpu.pdpte[3] = (TABLES + 0x1000) | 1;
}

/* Tables for linear 0x7f8040201000 (index 0xff, 1, 1, 1), all at user level, and CPL 0. */
#define LINEAR 0x7f8040201abcu
static const gpa_t pml4e = TABLES + 0xff * 8, pdpte = TABLES + 0x1008, pde = TABLES + 0x2008,
                   pte = TABLES + 0x3008;
static void paging_4_level(unsigned cpl)
{
    machine_long(cpl);
    memset(ram + TABLES, 0, 0x5000);
    poke(pml4e, (TABLES + 0x1000) | 7, 8);
    poke(pdpte, (TABLES + 0x2000) | 7, 8);
    poke(pde, (TABLES + 0x3000) | 7, 8);
    poke(pte, FRAME | 7, 8);
}

static void without_paging_the_address_has_32_bits(void **state)
{
    (void)state;
    machine_protected(0);
    expect_gpa(0x1234567ff, DBT_WRITE, 0x234567ff);
    expect_no_writes();
}

static void walk_32_bit_4k_sets_accessed_then_dirty(void **state)
{
    (void)state;
    paging_32(0);
    poke(TABLES + 0x300 * 4, (TABLES + 0x1000) | 3, 4);
    poke(TABLES + 0x1000 + 5 * 4, FRAME | 3, 4);
    expect_gpa(0xc0005678, DBT_READ, FRAME | 0x678);
    EXPECT_WRITES({TABLES + 0xc00, (TABLES + 0x1000) | 0x23, 4, CAUSE_PAGE_WALK, 0},
                  {TABLES + 0x1014, FRAME | 0x23, 4, CAUSE_PAGE_WALK, 0});
    expect_gpa(0xc0005678, DBT_WRITE, FRAME | 0x678);
    EXPECT_WRITES({TABLES + 0x1014, FRAME | 0x63, 4, CAUSE_PAGE_WALK, 0});
    expect_gpa(0xc0005678, DBT_WRITE, FRAME | 0x678);
    expect_no_writes();
    assert_int_equal(peek(TABLES + 0x1014, 4), FRAME | 0x63);
}

static void walk_32_bit_4m_page_has_40_bits(void **state)
{
    (void)state;
    paging_32(CR4_PSE);
    poke(TABLES + 1 * 4, 0x00800000 | 0x12u << 13 | 0x83, 4);
    expect_gpa(0x7abcde, DBT_READ, 0x1200babcde);
}

static void walk_32_bit_4m_reserved_bits(void **state)
{
    (void)state;
    paging_32(CR4_PSE);
    poke(TABLES + 1 * 4, 0x00800083 | 1u << 21, 4);
    expect_page_fault(0x400000, DBT_READ, FAULT_PRESENT | FAULT_RESERVED);
    cpu.physical_bits = 36;
    poke(TABLES + 1 * 4, 0x00800083 | 1u << 17, 4);
    expect_page_fault(0x400000, DBT_READ, FAULT_PRESENT | FAULT_RESERVED);
}

static void without_pse_bit_7_of_a_pde_is_ignored(void **state)
{
    (void)state;
    paging_32(0);
    poke(TABLES, (TABLES + 0x1000) | 0x83, 4);
    poke(TABLES + 0x1000, FRAME | 3, 4);
    expect_gpa(0x10, DBT_READ, FRAME | 0x10);
}

static void walk_pae_4k_and_2m(void **state)
{
    (void)state;
    paging_pae();
    poke(TABLES + 0x1008, (TABLES + 0x2000) | 3, 8);
    poke(TABLES + 0x2010, FRAME | 3, 8);
    poke(TABLES + 0x1010, 0x7000600000 | 0x83, 8);
    expect_gpa(0xc0202345, DBT_READ, FRAME | 0x345);
    EXPECT_WRITES({TABLES + 0x1008, (TABLES + 0x2000) | 0x23, 8, CAUSE_PAGE_WALK, 0},
                  {TABLES + 0x2010, FRAME | 0x23, 8, CAUSE_PAGE_WALK, 0});
    expect_gpa(0xc0412345, DBT_WRITE, 0x7000612345);
    EXPECT_WRITES({TABLES + 0x1010, 0x7000600000 | 0xe3, 8, CAUSE_PAGE_WALK, 0});
}

static void walk_pae_uses_the_loaded_pdptes(void **state)
{
    (void)state;
    paging_pae();
    poke(TABLES + 0, (TABLES + 0x1000) | 1, 8); /* memory says present, the processor holds what it loaded */
    expect_page_fault(0x1000, DBT_WRITE, FAULT_WRITE);
}

static void pae_bits_above_physical_are_reserved(void **state)
{
    (void)state;
    paging_pae();
    poke(TABLES + 0x1008, (TABLES + 0x2000) | 3, 8);
    poke(TABLES + 0x2010, FRAME | 3 | 1ull << 52, 8); /* ignored in IA-32e mode, reserved with PAE */
    expect_page_fault(0xc0202345, DBT_READ, FAULT_PRESENT | FAULT_RESERVED);
    poke(TABLES + 0x2010, FRAME | 3 | 1ull << 40, 8);
    expect_page_fault(0xc0202345, DBT_READ, FAULT_PRESENT | FAULT_RESERVED);
}

static void pdptes_are_loaded_and_checked(void **state)
{
    (void)state;
    paging_pae();
    for (unsigned n = 0; n < 4; n++)
        poke(TABLES + 0x20 + 8 * n, 0x1000 * (n + 1) | 1, 8);
    assert_true(sys_load_pdptes(&cpu, TABLES + 0x20));
    assert_int_equal(cpu.pdpte[2], 0x3001);
    poke(TABLES + 0x20 + 8, 0x2003, 8); /* R/W is reserved */
    expect_fault(sys_load_pdptes(&cpu, TABLES + 0x20), VECTOR_GP, true, 0);
    poke(TABLES + 0x20 + 8, 0x2002, 8); /* not present: nothing is reserved */
    assert_true(sys_load_pdptes(&cpu, TABLES + 0x20));
    assert_int_equal(cpu.pdpte[1], 0x2002);
}

static void walk_4_level_4k(void **state)
{
    (void)state;
    paging_4_level(0);
    expect_gpa(LINEAR, DBT_WRITE, FRAME | 0xabc);
    EXPECT_WRITES({pml4e, (TABLES + 0x1000) | 0x27, 8, CAUSE_PAGE_WALK, 0},
                  {pdpte, (TABLES + 0x2000) | 0x27, 8, CAUSE_PAGE_WALK, 0},
                  {pde, (TABLES + 0x3000) | 0x27, 8, CAUSE_PAGE_WALK, 0},
                  {pte, FRAME | 0x67, 8, CAUSE_PAGE_WALK, 0});
}

static void walk_4_level_2m_and_1g(void **state)
{
    (void)state;
    paging_4_level(0);
    poke(pde, 0x4000200000 | 0x87, 8);
    expect_gpa(LINEAR, DBT_READ, 0x4000201abc);
    poke(pdpte, 0x4000000000 | 0x87, 8);
    expect_gpa(LINEAR, DBT_READ, 0x4000201abc);
    cpu.has_gib_pages = false;
    expect_page_fault(LINEAR, DBT_READ, FAULT_PRESENT | FAULT_RESERVED);
}

static void walk_5_level(void **state)
{
    (void)state;
    paging_4_level(0);
    cpu.v.cr4 |= CR4_LA57;
    cpu.v.cr3 = TABLES + 0x4000;
    poke(TABLES + 0x4000 + 0x55 * 8, TABLES | 7, 8);
    expect_gpa(0x55ull << 48 | LINEAR, DBT_READ, FRAME | 0xabc);
    assert_int_equal(written.entry[0].at, TABLES + 0x4000 + 0x55 * 8);
    assert_int_equal(written.count, 5);
}

static void non_canonical_is_a_general_protection_fault(void **state)
{
    gpa_t gpa;
    (void)state;
    paging_4_level(0);
    expect_fault(translate(0x800000000000, DBT_READ, &gpa), VECTOR_GP, true, 0);
    expect_fault(translate(0x1ull << 56, DBT_READ, &gpa), VECTOR_GP, true, 0);
}

static void reserved_bits_in_ia32e_mode(void **state)
{
    static const struct {
        const char *what;
        gpa_t at;
        uint64_t bits;
        bool nxe;
    } cases[] = {
        {"PS in a PML4 entry", pml4e, PTE_PAGE_SIZE, true},
        {"address above MAXPHYADDR", pte, 1ull << 40, true},
        {"address above MAXPHYADDR, upper table", pdpte, 1ull << 51, true},
        {"NX without EFER.NXE", pte, PTE_NO_EXECUTE, false},
        {"NX without EFER.NXE, upper table", pml4e, PTE_NO_EXECUTE, false},
        {"low bits of a 2-MiB page", pde, PTE_PAGE_SIZE | 1ull << 13, true},
        {"low bits of a 1-GiB page", pdpte, PTE_PAGE_SIZE | 1ull << 29, true},
    };
    (void)state;
    for (unsigned n = 0; n < ARRAY_SIZE(cases); n++) {
        paging_4_level(0);
        if (!cases[n].nxe)
            cpu.v.efer &= ~EFER_NXE;
        if (cases[n].bits & PTE_PAGE_SIZE)
            poke(cases[n].at, 7, 8);
        poke(cases[n].at, peek(cases[n].at, 8) | cases[n].bits, 8);
        gpa_t gpa;
        if (translate(LINEAR, DBT_READ, &gpa) || cpu.fault.error != (FAULT_PRESENT | FAULT_RESERVED))
            fail_msg("%s: expected #PF with error 9, got gpa 0x%lx error 0x%x", cases[n].what, gpa,
                     cpu.fault.error);
    }
}

static void ignored_bits_are_ignored(void **state)
{
    (void)state;
    paging_4_level(0);
    poke(pte, peek(pte, 8) | 0x7ffull << 52 | 7ull << 9, 8);
    expect_gpa(LINEAR, DBT_READ, FRAME | 0xabc);
}

static void a_faulting_walk_changes_nothing(void **state)
{
    (void)state;
    paging_4_level(3);
    poke(pte, FRAME | 3, 8);
    expect_page_fault(LINEAR, DBT_READ, FAULT_PRESENT | FAULT_USER);
    poke(pte, FRAME | 6, 8);
    expect_page_fault(LINEAR, DBT_READ, FAULT_USER);
    expect_no_writes();
    assert_int_equal(peek(pml4e, 8) & PTE_ACCESSED, 0);
}

#define OK 0xffffffffu
static void permissions(void **state)
{
    enum { W = PTE_WRITABLE, U = PTE_USER };
    static const struct {
        unsigned cpl, access;
        uint64_t entry; /* W, U, NX of the PTE */
        uint64_t cr0, cr4, rflags;
        uint32_t error;
    } cases[] = {
        /* level 3: U/S and R/W count, whatever CR0.WP */
        {3, DBT_READ, U, 0, 0, 0, OK},
        {3, DBT_READ, W, 0, 0, 0, 5},
        {3, DBT_WRITE, U, 0, 0, 0, 7},
        {3, DBT_WRITE, U | W, CR0_WP, 0, 0, OK},
        {3, DBT_FETCH, U, 0, 0, 0, OK},
        {3, DBT_FETCH, U | PTE_NO_EXECUTE, 0, 0, 0, 0x15},
        {3, DBT_FETCH, W, 0, 0, 0, 0x15},
        {3, DBT_READ, U | PTE_NO_EXECUTE, 0, CR4_SMEP | CR4_SMAP, 0, OK},
        /* level 0: WP */
        {0, DBT_WRITE, 0, 0, 0, 0, OK},
        {0, DBT_WRITE, 0, CR0_WP, 0, 0, 3},
        {0, DBT_WRITE, U, CR0_WP, 0, 0, 3},
        {0, DBT_WRITE, W, CR0_WP, 0, 0, OK},
        {0, DBT_READ, 0, CR0_WP, 0, 0, OK},
        {0, DBT_FETCH, PTE_NO_EXECUTE, 0, 0, 0, 0x11},
        /* SMEP */
        {0, DBT_FETCH, U, 0, 0, 0, OK},
        {0, DBT_FETCH, U, 0, CR4_SMEP, 0, 0x11},
        {0, DBT_FETCH, U, 0, CR4_SMEP, RFLAGS_AC, 0x11},
        {0, DBT_FETCH, 0, 0, CR4_SMEP, 0, OK},
        /* SMAP, with AC for explicit accesses only */
        {0, DBT_READ, U, 0, CR4_SMAP, 0, 1},
        {0, DBT_READ, U, 0, CR4_SMAP, RFLAGS_AC, OK},
        {0, DBT_READ | DBT_SYSTEM, U, 0, CR4_SMAP, RFLAGS_AC, 1},
        {0, DBT_WRITE, U | W, 0, CR4_SMAP, 0, 3},
        {0, DBT_WRITE, U, CR0_WP, CR4_SMAP, RFLAGS_AC, 3},
        {0, DBT_FETCH, U, 0, CR4_SMAP, 0, OK},
        {0, DBT_READ, 0, 0, CR4_SMAP, 0, OK},
        /* system accesses of level 3 are a supervisor's */
        {3, DBT_READ | DBT_SYSTEM, 0, 0, 0, 0, OK},
        {3, DBT_WRITE | DBT_SYSTEM, 0, CR0_WP, 0, 0, 3},
        {3, DBT_READ | DBT_SYSTEM, U, 0, CR4_SMAP, 0, 1},
    };
    (void)state;
    for (unsigned n = 0; n < ARRAY_SIZE(cases); n++) {
        gpa_t gpa;
        paging_4_level(cases[n].cpl);
        cpu.v.cr0 = (cpu.v.cr0 & ~CR0_WP) | cases[n].cr0;
        cpu.v.cr4 |= cases[n].cr4;
        cpu.v.rflags |= cases[n].rflags;
        poke(pte, FRAME | PTE_PRESENT | cases[n].entry, 8);
        uint32_t got = translate(LINEAR, cases[n].access, &gpa) ? OK : cpu.fault.error;
        if (got != cases[n].error)
            fail_msg("case %u (CPL %u, access %u, entry 0x%lx): expected 0x%x, got 0x%x", n, cases[n].cpl,
                     cases[n].access, cases[n].entry, cases[n].error, got);
    }
}

static void upper_tables_restrict_as_well(void **state)
{
    (void)state;
    paging_4_level(3);
    poke(pml4e, peek(pml4e, 8) & ~PTE_USER, 8);
    expect_page_fault(LINEAR, DBT_READ, 5);
    paging_4_level(3);
    poke(pde, peek(pde, 8) & ~PTE_WRITABLE, 8);
    expect_page_fault(LINEAR, DBT_WRITE, 7);
    paging_4_level(3);
    poke(pdpte, peek(pdpte, 8) | PTE_NO_EXECUTE, 8);
    expect_page_fault(LINEAR, DBT_FETCH, 0x15);
}

static void fetches_are_told_only_with_nx_or_smep(void **state)
{
    (void)state;
    paging_4_level(0);
    cpu.v.efer &= ~EFER_NXE;
    poke(pte, 0, 8);
    expect_page_fault(LINEAR, DBT_FETCH, 0);
    cpu.v.cr4 |= CR4_SMEP;
    expect_page_fault(LINEAR, DBT_FETCH, FAULT_FETCH);
}

static void page_sizes_are_told(void **state)
{
    gpa_t gpa;
    (void)state;
    paging_4_level(0);
    assert_true(translate(LINEAR, DBT_READ, &gpa));
    assert_int_equal(cpu.page_shift, 12);
    poke(pde, 0x87, 8);
    assert_true(translate(LINEAR, DBT_READ, &gpa));
    assert_int_equal(cpu.page_shift, 21);
    poke(pdpte, 0x87, 8);
    assert_true(translate(LINEAR, DBT_READ, &gpa));
    assert_int_equal(cpu.page_shift, 30);
    paging_32(CR4_PSE);
    poke(TABLES, 0x83, 4);
    assert_true(translate(0, DBT_READ, &gpa));
    assert_int_equal(cpu.page_shift, 22);
    cpu.v.cr0 &= ~CR0_PG;
    assert_true(translate(0, DBT_READ, &gpa));
    assert_int_equal(cpu.page_shift, 12);
}

static void reads_are_recorded_once_for_an_access(void **state)
{
    static struct walk_tlb tlb;
    gpa_t gpa;
    (void)state;
    paging_4_level(0);
    cpu.walk_tlb = &tlb;
    expect_gpa(LINEAR, DBT_READ, FRAME | 0xabc);
    EXPECT_READS({pml4e, (TABLES + 0x1000) | 7, 8, CAUSE_PAGE_WALK, 0},
                 {pdpte, (TABLES + 0x2000) | 7, 8, CAUSE_PAGE_WALK, 0},
                 {pde, (TABLES + 0x3000) | 7, 8, CAUSE_PAGE_WALK, 0},
                 {pte, FRAME | 7, 8, CAUSE_PAGE_WALK, 0});
    assert_true(dbt_walk_is_silent(&cpu, LINEAR, DBT_READ));
    assert_false(dbt_walk_is_silent(&cpu, LINEAR, DBT_WRITE));
    assert_true(translate(LINEAR + 8, DBT_READ, &gpa));
    assert_int_equal(reads.count, 0);
    assert_true(translate(LINEAR, DBT_WRITE, &gpa)); /* the dirty bit */
    assert_int_equal(reads.count, 4);
    assert_true(translate(LINEAR, DBT_FETCH, &gpa)); /* another TLB */
    assert_int_equal(reads.count, 8);
    assert_true(translate(LINEAR, DBT_READ, &gpa));
    assert_int_equal(reads.count, 8);
    sys_forget_walk(&cpu, LINEAR + 0x1000, PAGE_SHIFT);
    assert_true(translate(LINEAR, DBT_READ, &gpa));
    assert_int_equal(reads.count, 8);
    sys_forget_walk(&cpu, LINEAR + 0x1000, PAGE_SHIFT + 9);
    assert_true(translate(LINEAR, DBT_READ, &gpa));
    assert_int_equal(reads.count, 12);
    sys_forget_walks(&cpu, true);
    assert_true(translate(LINEAR, DBT_FETCH, &gpa));
    assert_int_equal(reads.count, 16);
    reads.count = written.count = 0;
    poke(pde, 0, 8);
    sys_forget_walks(&cpu, true);
    for (unsigned turn = 0; turn < 2; turn++) { /* a fault leaves nothing */
        expect_page_fault(LINEAR, DBT_READ, 0);
        EXPECT_READS({pml4e, (TABLES + 0x1000) | 0x27, 8, CAUSE_PAGE_WALK, 0},
                     {pdpte, (TABLES + 0x2000) | 0x27, 8, CAUSE_PAGE_WALK, 0},
                     {pde, 0, 8, CAUSE_PAGE_WALK, 0});
    }
    cpu.walk_tlb = NULL;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_paging_the_address_has_32_bits),
        cmocka_unit_test(walk_32_bit_4k_sets_accessed_then_dirty),
        cmocka_unit_test(walk_32_bit_4m_page_has_40_bits),
        cmocka_unit_test(walk_32_bit_4m_reserved_bits),
        cmocka_unit_test(without_pse_bit_7_of_a_pde_is_ignored),
        cmocka_unit_test(walk_pae_4k_and_2m),
        cmocka_unit_test(walk_pae_uses_the_loaded_pdptes),
        cmocka_unit_test(pae_bits_above_physical_are_reserved),
        cmocka_unit_test(pdptes_are_loaded_and_checked),
        cmocka_unit_test(walk_4_level_4k),
        cmocka_unit_test(walk_4_level_2m_and_1g),
        cmocka_unit_test(walk_5_level),
        cmocka_unit_test(non_canonical_is_a_general_protection_fault),
        cmocka_unit_test(reserved_bits_in_ia32e_mode),
        cmocka_unit_test(ignored_bits_are_ignored),
        cmocka_unit_test(a_faulting_walk_changes_nothing),
        cmocka_unit_test(permissions),
        cmocka_unit_test(reads_are_recorded_once_for_an_access),
        cmocka_unit_test(upper_tables_restrict_as_well),
        cmocka_unit_test(page_sizes_are_told),
        cmocka_unit_test(fetches_are_told_only_with_nx_or_smep),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
