#include "proof_text.h"

#include "console.h"

#include <string.h>

#define HEX_BYTES (2 * PROOF_WORD + 1)

static const char *hex(char *to, const uint8_t *bytes, unsigned n)
{
    char *at = to;
    *at = '\0';
    for (unsigned i = 0; i < n; i++)
        at += format_text(at, 3, "%02x", bytes[i]);
    return to;
}

/* "event 12", or "no event": what the sample says of its writer. */
static void writer(const struct proof_sample *s, char *text, size_t size)
{
    if (s->writer)
        format_text(text, size, "event %lu", (unsigned long)(s->writer - 1));
    else
        format_text(text, size, "no event");
}

/* ---- META ---- */

static size_t number(char *text, size_t size, const char *key, uint64_t value)
{
    return format_text(text, size, "proof.%s=%lu\n", key, (unsigned long)value);
}

static size_t sample_meta(char *text, size_t size, unsigned n, const struct proof_sample *s)
{
    static const char *const kinds[] = {[DIFFERENT_MEMORY] = "memory",
                                        [DIFFERENT_EARLIER] = "earlier",
                                        [DIFFERENT_PAGE] = "page",
                                        [DIFFERENT_READ] = "read"};
    char expected[HEX_BYTES], found[HEX_BYTES], last[32];
    size_t length =
        format_text(text, size, "proof.difference.%u=%s 0x%lx", n, kinds[s->kind], (unsigned long)s->address);
    if (s->bytes)
        length += format_text(text + length, size - length, " expected %s found %s",
                              hex(expected, s->expected, s->bytes), hex(found, s->found, s->bytes));
    if (s->kind == DIFFERENT_READ || s->kind == DIFFERENT_EARLIER)
        length += format_text(text + length, size - length, " %s event %lu",
                              s->kind == DIFFERENT_READ ? "by" : "before", (unsigned long)s->event);
    writer(s, last, sizeof last);
    return length + format_text(text + length, size - length, " last written by %s\n", last);
}

size_t proof_meta(const struct proof *p, char *text, size_t size)
{
    const struct proof_result *r = &p->result;
    const struct {
        const char *key;
        uint64_t value;
    } numbers[] = {
        {"pages", r->pages},
        {"written_pages", r->written},
        {"unproved_pages", r->unproved},
        {"writes", r->writes},
        {"outside", r->outside},
        {"reads", r->reads},
        {"different_pages", r->different_pages},
        {"different_bytes", r->different_bytes},
        {"different_table_bits", r->different_table_bits},
        {"different_unwritten", r->different_unwritten},
        {"different_reads", r->different_reads},
        {"kept_pages", r->kept},
        {"unkept_pages", r->unkept},
    };
    if (r->objection)
        return format_text(text, size, "proof=void\nproof.because=%s\n", r->objection);
    size_t n = format_text(text, size, "proof=%s\nproof.by=%s\n", proof_holds(r) ? "holds" : "differs",
                           p->by_copy ? "copy" : "digests");
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        n += number(text + n, size - n, numbers[i].key, numbers[i].value);
    for (unsigned i = 0; i < r->samples; i++)
        n += sample_meta(text + n, size - n, i, &r->sample[i]);
    return n;
}

/* ---- the console ---- */

static void verdict(const struct proof_result *r, char *text, size_t size)
{
    if (r->objection)
        format_text(text, size, "proof: does not apply: %s", r->objection);
    else if (proof_holds(r) && r->unproved)
        format_text(text, size,
                    "proof: holds as far as digests tell: the %lu of %lu pages that no recorded write names "
                    "are as they were",
                    (unsigned long)(r->pages - r->written), (unsigned long)r->pages);
    else if (proof_holds(r))
        format_text(text, size,
                    "proof: holds: memory is what it was and %lu recorded writes made of it (%lu pages, %lu "
                    "of them written)",
                    (unsigned long)r->writes, (unsigned long)r->pages, (unsigned long)r->written);
    else
        format_text(text, size,
                    "proof: DIFFERS: %lu bytes on %lu of %lu pages, %lu of %lu reads, after %lu recorded "
                    "writes",
                    (unsigned long)r->different_bytes, (unsigned long)r->different_pages,
                    (unsigned long)r->pages, (unsigned long)r->different_reads, (unsigned long)r->reads,
                    (unsigned long)r->writes);
}

static bool remark(const struct proof_result *r, unsigned n, char *text, size_t size)
{
    const struct {
        uint64_t count;
        const char *what;
    } remarks[] = {
        {r->reads, "recorded reads were held against what the writes before them had left"},
        {r->outside, "writes went to memory that is not compared"},
        {r->unproved, "pages are written, of which digests say nothing: a copy of memory had no room"},
        {r->different_table_bits, "of the bytes differ by accessed and dirty bits alone"},
        {r->different_unwritten, "of the bytes are where no recorded write went: a device, firmware, or a "
                                 "write that is missing"},
    };
    if (r->objection)
        return false;
    for (unsigned i = 0; i < sizeof remarks / sizeof remarks[0]; i++) {
        if (remarks[i].count == 0 || n--)
            continue;
        format_text(text, size, "proof:   %lu %s", (unsigned long)remarks[i].count, remarks[i].what);
        return true;
    }
    return false;
}

static unsigned remark_count(const struct proof_result *r)
{
    char ignored[8];
    unsigned n = 0;
    while (remark(r, n, ignored, sizeof ignored))
        n++;
    return n;
}

static void sample_line(const struct proof_sample *s, char *text, size_t size)
{
    char expected[HEX_BYTES], found[HEX_BYTES], last[32];
    writer(s, last, sizeof last);
    hex(expected, s->expected, s->bytes);
    hex(found, s->found, s->bytes);
    if (s->kind == DIFFERENT_PAGE)
        format_text(text, size, "proof:   page 0x%lx is not as it was, and no recorded write names it",
                    (unsigned long)s->address);
    else if (s->kind == DIFFERENT_READ)
        format_text(text, size, "proof:   0x%lx: event %lu read %s, expected %s; last written by %s",
                    (unsigned long)s->address, (unsigned long)s->event, found, expected, last);
    else if (s->kind == DIFFERENT_EARLIER)
        format_text(text, size, "proof:   0x%lx: expected %s, found %s before event %lu; last written by %s",
                    (unsigned long)s->address, expected, found, (unsigned long)s->event, last);
    else
        format_text(text, size, "proof:   0x%lx: expected %s, found %s; last written by %s",
                    (unsigned long)s->address, expected, found, last);
}

bool proof_line(const struct proof_result *r, unsigned n, char *text, size_t size)
{
    const unsigned remarks = remark_count(r);
    if (n == 0) {
        verdict(r, text, size);
        return true;
    }
    n--;
    if (n < remarks)
        return remark(r, n, text, size);
    n -= remarks;
    if (r->objection || n >= r->samples)
        return false;
    sample_line(&r->sample[n], text, size);
    return true;
}
