/*
 * gem5's packet trace (its src/proto/packet.proto), which TrafficGen plays: the magic number, then messages
 * with their length before them. A tick is an instruction, or an event where they are not counted.
 */
#include "convert/converter.h"
#include "reader/cursor.h"

#include <string.h>

#define MAGIC "gem5"
#define READ_REQ 1u /* of gem5's MemCmd */
#define WRITE_REQ 4u
#define TICKS_A_SECOND UINT64_C(1000000000000)
#define MESSAGE_MAX 128u

/* Fields of a message: (number << 3 | wire type), then the value. */
#define VARINT 0u
#define BYTES 2u

static uint8_t *put_varint(uint8_t *p, uint64_t n)
{
    for (; n >= 0x80; n >>= 7)
        *p++ = (uint8_t)n | 0x80;
    *p++ = (uint8_t)n;
    return p;
}

static uint8_t *put_field(uint8_t *p, unsigned number, uint64_t n)
{
    return put_varint(put_varint(p, number << 3 | VARINT), n);
}

static bool put_message(struct conversion *c, const uint8_t *message, const uint8_t *end)
{
    uint8_t length[10];
    size_t n = (size_t)(end - message);
    return convert_write(c, length, (size_t)(put_varint(length, n) - length)) && convert_write(c, message, n);
}

static bool begin(void *state, struct conversion *c)
{
    static const char name[] = "engram";
    uint8_t message[MESSAGE_MAX], *p = message;
    (void)state;
    p = put_varint(put_varint(p, 1 << 3 | BYTES), sizeof(name) - 1);
    memcpy(p, name, sizeof(name) - 1);
    p = put_field(p + sizeof(name) - 1, 2, 0); /* version */
    p = put_field(p, 3, TICKS_A_SECOND);       /* gem5 wants its own frequency here */
    return convert_write(c, MAGIC, 4) && put_message(c, message, p);
}

static bool put_packet(struct conversion *c, const struct trace_item *item, uint64_t address, unsigned bytes)
{
    uint8_t message[MESSAGE_MAX], *p = message;
    p = put_field(p, 1, convert_time(item));
    p = put_field(p, 2, item->access.kind == ACCESS_WRITE ? WRITE_REQ : READ_REQ);
    p = put_field(p, 3, address);
    p = put_field(p, 4, bytes);
    p = put_field(p, 6, item->number);
    p = put_field(p, 7, item->access.rip);
    return put_message(c, message, p);
}

static bool on_access(void *state, struct conversion *c, const struct trace_item *item)
{
    const struct access *a = &item->access;
    (void)state;
    if (!c->physical || !(a->flags & ACCESS_CROSSES))
        return put_packet(c, item, c->physical ? a->gpa : a->gva, a->size);
    unsigned here = 4096 - (unsigned)(a->gpa & 4095);
    c->changed++;
    here = here < a->size ? here : a->size;
    return put_packet(c, item, a->gpa, here) &&
           (here == a->size || put_packet(c, item, a->gpa2, a->size - here));
}

const struct converter convert_gem5 = {
    .name = "gem5",
    .what =
        "gem5's packet trace (packet.proto): tick, command, address, size, pc; pkt_id is the event's number",
    .lacks = "data, privilege levels, causes, what stands between accesses",
    .binary = true,
    .one_address = true,
    .begin = begin,
    .access = on_access,
};
