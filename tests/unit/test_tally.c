/* Counts by who made the accesses, as lines of META. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "console.h"
#include "tally.h"
#include "trace/access.h"

static struct tally t;
static char text[8192];

static const char *text_of(size_t size)
{
    memset(text, 'x', sizeof(text));
    size_t n = tally_text(&t, text, size);
    assert_true(n <= size);
    text[n] = '\0';
    return text;
}

static void counts_by_level_cause_and_process(void **state)
{
    (void)state;
    t = (struct tally){0};
    assert_string_equal(text_of(sizeof(text)), "");
    tally_add(&t, false, 0x1000, CAUSE_INSTRUCTION, 5);
    tally_add(&t, true, 0x2abc, CAUSE_INSTRUCTION, 7);
    tally_add(&t, false, 0x1018, CAUSE_PAGE_WALK, 1);
    assert_string_equal(text_of(sizeof(text)),
                        "tally.kernel=6\ntally.user=7\ntally.cause.instruction=12\n"
                        "tally.cause.page-walk=1\ntally.cr3.2000=7\ntally.cr3.1000=6\n");
}

/* All processes together are all accesses, however many there are. */
static void more_processes_than_have_room(void **state)
{
    (void)state;
    uint64_t sum = 0, lines = 0;
    t = (struct tally){0};
    for (uint64_t i = 1; i <= 2 * TALLY_PROCESSES; i++)
        tally_add(&t, true, i << 12, CAUSE_INSTRUCTION, i);
    for (const char *p = text_of(sizeof(text)); (p = strstr(p, "tally.cr3.")); lines++) {
        p = strchr(p, '=') + 1;
        sum += strtoull(p, NULL, 10);
    }
    assert_int_equal(sum, TALLY_PROCESSES * (2 * TALLY_PROCESSES + 1));
    assert_int_equal(lines, 25);
    text_of(100); /* no more than there is room for */
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(counts_by_level_cause_and_process),
                                       cmocka_unit_test(more_processes_than_have_room)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
