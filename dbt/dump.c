/* What went on, for people: blocks as guest and host code, counters. */
#include "dbt/dbt.h"

#include "console.h"
#include "decode/insn.h"

static void bytes_line(char *to, const uint8_t *bytes, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        to[2 * i] = "0123456789abcdef"[bytes[i] >> 4];
        to[2 * i + 1] = "0123456789abcdef"[bytes[i] & 15];
    }
    to[2 * n] = '\0';
}

#define HOST_LINE 24u

void dbt_print_block(struct dbt *d, const struct block *b, const struct dbt_print *print)
{
    char text[2 * HOST_LINE + 1];
    const struct raw_access *access = &print->dictionary->access[b->record_first];

    print->line("block 0x%lx mode 0x%x gpa 0x%lx: %u instructions, %u guest bytes, %u host bytes, record %u "
                "(%u bytes)%s\n",
                (unsigned long)b->ip, b->mode, (unsigned long)b->gpa, b->insn_count, b->guest_bytes,
                b->code_bytes, b->record_id, b->record_bytes, b->valid ? "" : ", invalid");
    for (unsigned i = 0; i < b->insn_count; i++) {
        const struct block_insn *in = &b->insn[i];
        gpa_t gpa = b->gpa + in->ip;
        bytes_line(text, d->ram + gpa, in->length);
        print->line("  +%-3u guest %-30s host offset %u, after %u accesses\n", in->ip, text, in->code,
                    in->records);
        for (unsigned k = in->records; k < b->insn[i + 1].records; k++)
            print->line("       %s of %u bytes: address at record offset %u%+ld, data at %u\n",
                        access[k].kind == ACCESS_WRITE ? "write" : "read", access[k].size, access[k].address,
                        (long)access[k].displacement, access[k].data);
    }
    for (uint32_t at_byte = 0; at_byte < b->code_bytes; at_byte += HOST_LINE) {
        uint32_t n = b->code_bytes - at_byte < HOST_LINE ? b->code_bytes - at_byte : HOST_LINE;
        bytes_line(text, b->indirect + at_byte, n);
        print->line("  host %p+%-4u %s\n", (const void *)b->indirect, at_byte, text);
    }
}

size_t dbt_counters_text(const struct dbt *d, char *text, size_t size)
{
    const struct dbt_counters *n = &d->counters;
    const struct {
        const char *name;
        uint64_t value;
    } all[] = {{"instructions", dbt_icount(d)},
               {"blocks", n->blocks},
               {"chains", n->chains},
               {"unlinked", n->unlinked},
               {"lookups", n->lookups},
               {"misses", n->misses},
               {"fills", n->fills},
               {"tlb_flushes", n->tlb_flushes},
               {"flushes", n->flushes},
               {"invalidations", n->invalidations},
               {"bounces", n->bounces},
               {"system", n->system},
               {"traps", n->traps},
               {"polls", n->budget},
               {"segments", n->segments},
               {"dictionaries", n->dictionaries},
               {"string_runs", n->runs},
               {"faults", n->faults},
               {"interrupts", n->interrupts}};
    size_t used = 0;
    for (size_t i = 0; i < ARRAY_SIZE(all) && used < size; i++)
        used += format_text(text + used, size - used, "counter.dbt.%s=%lu\n", all[i].name,
                            (unsigned long)all[i].value);
    return used < size ? used : size;
}
