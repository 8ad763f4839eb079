/*
 * Two 8259A interrupt controllers, cascaded as in a PC: initialization, masks,
 * edge-triggered requests, fixed priorities, EOI, reading IRR and ISR. Rotating
 * priorities, the special mask mode, polling and level-triggered lines are left out.
 */
#include "dbt/host/host.h"

#define ICW1_INIT 0x10u
#define ICW1_NEEDS_ICW4 0x01u
#define ICW4_AUTO_EOI 0x02u
#define OCW3 0x08u
#define OCW2_EOI 0x20u
#define OCW2_SPECIFIC 0x40u
#define CASCADE_LINE 2u
#define LINES 8u
#define SPURIOUS_LINE 7u

struct pic {
    uint8_t request, service, mask; /* IRR, ISR, IMR */
    uint8_t base;                   /* vector of line 0 */
    uint8_t init;                   /* the ICW that comes next, 0: none */
    bool needs_icw4, auto_eoi, reads_service;
};
static struct pic pics[2] = {{.mask = 0xff}, {.mask = 0xff}};

/* The line with the highest priority among `bits`, LINES: none. */
static unsigned first_line(uint8_t bits)
{
    return bits ? (unsigned)__builtin_ctz(bits) : LINES;
}

/* The line that may interrupt now: what is in service keeps its own and lower ones back. */
static unsigned pending_line(const struct pic *p)
{
    unsigned line = first_line(p->request & (uint8_t)~p->mask);
    return line < first_line(p->service) ? line : LINES;
}

/* The slave's output is the master's line 2. */
static void update_cascade(void)
{
    if (pending_line(&pics[1]) < LINES)
        pics[0].request |= 1u << CASCADE_LINE;
    else
        pics[0].request &= (uint8_t) ~(1u << CASCADE_LINE);
}

void pic_raise(unsigned irq)
{
    pics[irq / LINES].request |= (uint8_t)(1u << irq % LINES);
    update_cascade();
}

static uint8_t acknowledge(struct pic *p)
{
    unsigned line = pending_line(p);
    if (line == LINES)
        return p->base + SPURIOUS_LINE;
    p->request &= (uint8_t) ~(1u << line);
    if (!p->auto_eoi)
        p->service |= (uint8_t)(1u << line);
    return (uint8_t)(p->base + line);
}

int pic_take(void)
{
    unsigned line = pending_line(&pics[0]);
    if (line == LINES)
        return -1;
    uint8_t vector = acknowledge(&pics[0]);
    if (line == CASCADE_LINE)
        vector = acknowledge(&pics[1]);
    update_cascade();
    return vector;
}

bool pic_is_pending(void)
{
    return pending_line(&pics[0]) < LINES;
}

static void write_command(struct pic *p, uint8_t value)
{
    if (value & ICW1_INIT) {
        *p = (struct pic){.init = 2, .needs_icw4 = value & ICW1_NEEDS_ICW4};
    } else if (value & OCW3) {
        if (value & 2)
            p->reads_service = value & 1;
    } else if (value & OCW2_EOI) {
        unsigned line = value & OCW2_SPECIFIC ? value & 7u : first_line(p->service);
        if (line < LINES)
            p->service &= (uint8_t) ~(1u << line);
    }
}

static void write_data(struct pic *p, uint8_t value)
{
    switch (p->init) {
    case 2:
        p->base = value & 0xf8;
        p->init = 3;
        break;
    case 3: /* where the cascade is, which is known */
        p->init = p->needs_icw4 ? 4 : 0;
        break;
    case 4:
        p->auto_eoi = value & ICW4_AUTO_EOI;
        p->init = 0;
        break;
    default:
        p->mask = value;
        break;
    }
}

void pic_write(unsigned which, bool data, uint8_t value)
{
    if (data)
        write_data(&pics[which], value);
    else
        write_command(&pics[which], value);
    update_cascade();
}

uint8_t pic_read(unsigned which, bool data)
{
    const struct pic *p = &pics[which];
    return data ? p->mask : p->reads_service ? p->service : p->request;
}
