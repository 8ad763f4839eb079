#include "live.h"

#include "clock.h"
#include "guest_uart.h"
#include "uart.h"
#include "x86/cpu.h"

/* A poll sends for about so long, and then nothing for as many times of what that took: where the guest waits
 * in any case it has half of the time, else three quarters. */
#define BURST_MS 5u
#define REST_WHERE_GUEST_WAITS 1u
#define REST_WHERE_EVENTS_ARE_LOST 3u

static const struct frame_line line = {.put = uart_put, .between = guest_uart_fetch};
static struct drain drain;
static bool active;
static uint64_t rest, next_at;

/* The guest may have sent in the meantime. */
static bool step(void)
{
    uart_shared();
    return drain_step(&drain);
}

static bool make_room(struct ring *ring)
{
    (void)ring;
    return step();
}

void live_begin(struct ring *ring, bool guest_waits, const char *meta, uint32_t meta_bytes)
{
    active = true;
    rest = guest_waits ? REST_WHERE_GUEST_WAITS : REST_WHERE_EVENTS_ARE_LOST;
    ring->make_room = guest_waits ? make_room : NULL;
    drain_begin(&drain, ring, &line, meta, meta_bytes);
}

void live_poll(void)
{
    uint64_t start = rdtsc(), now = start;
    if (!active || start < next_at)
        return;
    while (step() && (now = rdtsc()) - start < clock_hz() / 1000 * BURST_MS)
        ;
    next_at = now + rest * (now - start);
}

const struct drain *live_drained(void)
{
    return active ? &drain : NULL;
}
