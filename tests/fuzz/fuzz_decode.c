/*
 * libFuzzer: instruction bytes and registers to the list of accesses. The first byte says which code size
 * (bits 0 and 1) and whether vector registers can be asked for (bit 2); up to 15 bytes of instruction follow,
 * then registers.
 */
#include "decode/insn.h"
#include "decode/xsave.h"
#include "trace/access.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(condition)                                                                                     \
    do {                                                                                                     \
        if (!(condition))                                                                                    \
            abort();                                                                                         \
    } while (0)

static const uint8_t *registers;
static size_t register_bytes;

/* The registers, from what is left of the input; zero behind its end. */
static void take(void *to, size_t n)
{
    size_t there = n < register_bytes ? n : register_bytes;

    memset(to, 0, n);
    if (there)
        memcpy(to, registers, there);
    registers += there;
    register_bytes -= there;
}

static void vector_register(unsigned number, bool mmx, uint8_t *bytes)
{
    CHECK(number < (mmx ? 8 : 32));
    take(bytes, 64);
}

static uint64_t opmask(unsigned number)
{
    uint64_t mask;
    CHECK(number < 8);
    take(&mask, sizeof(mask));
    return mask;
}

static bool read_memory(gva_t from, void *to, size_t bytes)
{
    if (from & 1)
        return false;
    take(to, bytes);
    return true;
}

static uint64_t components_in_use(void)
{
    uint64_t components;
    take(&components, sizeof(components));
    return components;
}

static void take_vcpu(struct vcpu *v)
{
    memset(v, 0, sizeof(*v));
    take(v->gpr, sizeof(v->gpr));
    take(&v->rip, sizeof(v->rip));
    take(&v->xcr0, sizeof(v->xcr0));
    for (int i = 0; i < SEG_COUNT; i++)
        take(&v->seg[i].base, sizeof(v->seg[i].base));
    take(&v->seg[SEG_SS].access, sizeof(v->seg[SEG_SS].access));
}

static void check_insn(const struct insn *insn, const uint8_t *bytes, size_t available)
{
    CHECK(insn->length >= 1 && insn->length <= available && insn->length <= INSN_BYTES_MAX);
    CHECK(memcmp(insn->bytes, bytes, insn->length) == 0);
    CHECK(insn->memory_count <= INSN_MEMORY_MAX);
    for (unsigned i = 0; i < insn->memory_count; i++) {
        const struct insn_memory *m = &insn->memory[i];
        CHECK(m->size && (m->flags & (INSN_READ | INSN_WRITE)));
        CHECK(m->address.base < GPR_COUNT || m->address.base == NO_REGISTER);
        CHECK(m->address.index < GPR_COUNT || m->address.index == NO_REGISTER);
        CHECK(m->address.segment < SEG_LDTR);
    }
    if (insn->store.source != STORE_NONE)
        CHECK(insn->memory_count == 1 && insn->memory[0].flags == INSN_WRITE && insn->store.gpr < GPR_COUNT);
}

static void check_list(const struct insn *insn, const struct access_list *list)
{
    CHECK(list->count <= ACCESS_LIST_MAX);
    for (unsigned i = 0; i < list->count; i++) {
        const struct insn_access *a = &list->a[i];
        CHECK(a->size >= 1 && a->size <= ACCESS_SIZE_MAX);
        CHECK(a->kind == ACCESS_READ || a->kind == ACCESS_WRITE);
        CHECK(!(a->flags & ~(ACCESS_LOCKED | ACCESS_REP)));
        CHECK(insn->code_size == CODE_64 || a->linear <= UINT32_MAX);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct insn insn, again;
    static struct access_list list;
    static const struct xsave_layout layout = {
        .offset = {[2] = 576, [5] = 1088, [6] = 1152, [7] = 1664, [9] = 2688},
        .size = {[2] = 256, [5] = 64, [6] = 512, [7] = 1024, [9] = 8}};
    const struct insn_environment environment = {.vector_register = vector_register,
                                                 .opmask = opmask,
                                                 .components_in_use = components_in_use,
                                                 .layout = &layout,
                                                 .read = read_memory};
    struct vcpu v;

    if (size < 2)
        return 0;
    enum code_size code = (enum code_size)((data[0] & 3) % 3);
    size_t available = size - 1 < INSN_BYTES_MAX ? size - 1 : INSN_BYTES_MAX;
    uint8_t *bytes = malloc(available); /* so that a byte too much is seen */
    if (!bytes)
        return 0;
    memcpy(bytes, data + 1, available);
    registers = data + 1 + available;
    register_bytes = size - 1 - available;
    if (insn_decode(&insn, bytes, available, code)) {
        check_insn(&insn, bytes, available);
        /* It needs its own bytes, all of them and no others. */
        CHECK(insn_decode(&again, bytes, insn.length, code) && again.length == insn.length);
        CHECK(!insn_decode(&again, bytes, insn.length - 1u, code));
        take_vcpu(&v);
        insn_accesses(&insn, &v, data[0] & 4 ? &environment : NULL, &list);
        check_list(&insn, &list);
    }
    free(bytes);
    return 0;
}
