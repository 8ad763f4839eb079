/*
 * Interrupts of devices. They are the guest's, who programs the interrupt
 * controllers itself; the CPU takes them at CPL 3, and from then on the
 * controller counts them as in service.
 *
 * No more than one waits here. The CPU takes the next one when the guest has
 * been given the last and can be interrupted again, so that a line that stays
 * active is no storm, and what the guest masks meanwhile stays in the controller.
 */
#include "dbt/dbt_engine.h"
#include "x86/cpu.h"

static bool open;
static uint64_t count;

/* Vectors 8 to 15 are both: the BIOS maps IRQ 0 to 7 there. Exceptions among them push an error code, or do
 * not exist (9, 15). */
bool is_device_interrupt(uint64_t gate_vector)
{
    uint8_t vector = (uint8_t)gate_vector;
    return vector >= 32 || (vector >= 8 && vector <= 15 && (gate_vector & GATE_NO_ERROR_CODE));
}

static void set_open(bool on)
{
    open = on;
    dbt_shared.interrupts_open = on;
}

void interrupt_arrived(uint8_t vector)
{
    dbt_shared.due = vector;
    count++;
    set_open(false);
    space_open_budget(false);
}

/* CPL 3 takes it by itself: the CPU holds no more than one back, and so does this. */
void nmi_arrived(void)
{
    dbt_shared.nmi = 1;
    space_open_budget(false);
}

void interrupts_open(void)
{
    if (dbt_shared.due < 0)
        set_open(true);
}
bool interrupts_are_open(void)
{
    return open;
}
void interrupts_close(void)
{
    set_open(false);
}
uint64_t interrupts_count(void)
{
    return count;
}

static bool nmi_is_due(void)
{
    return gate_nmis || dbt_shared.nmi;
}

bool interrupt_wait(uint64_t until)
{
    if (dbt_shared.due >= 0 || nmi_is_due())
        return true;
    gate_interrupt = -1;
    gate_wait(until);
    if (gate_interrupt < 0)
        return nmi_is_due();
    interrupt_arrived((uint8_t)gate_interrupt);
    return true;
}
