/* A local descriptor table: segments with a base, a limit and none, across other processes. */
#include "stress.h"

#include <asm/ldt.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static sigjmp_buf back;

static void on_fault(int number)
{
    siglongjmp(back, number);
}

static long set_entry(unsigned entry, const void *base, unsigned limit)
{
    struct user_desc d = {.entry_number = entry,
                          .base_addr = (unsigned)(uintptr_t)base,
                          .limit = limit,
                          .seg_32bit = 1,
                          .limit_in_pages = 0,
                          .useable = 1};
    return syscall(SYS_modify_ldt, 1, &d, sizeof d);
}

static long read_by(unsigned entry, unsigned long offset)
{
    unsigned value, selector = entry << 3 | 7;
    __asm__ volatile("mov %1, %%es; movl %%es:(%2), %0; mov %3, %%es" /* in 64-bit mode ES has no base */
                     : "=&r"(value)
                     : "r"(selector), "r"(offset), "r"(0)
                     : "memory");
    return value;
}

static long read_by_gs(unsigned entry, unsigned offset)
{
    unsigned value, selector = entry << 3 | 7;
    __asm__ volatile("mov %1, %%gs; movl %%gs:(%q2), %0; mov %3, %%gs"
                     : "=&r"(value)
                     : "r"(selector), "r"(offset), "r"(0)
                     : "memory");
    return value;
}

static long limit_of(unsigned entry)
{
    unsigned limit = 0, selector = entry << 3 | 7;
    __asm__ volatile("lsl %1, %0" : "+r"(limit) : "r"(selector) : "cc");
    return limit;
}

static int keep(unsigned *data, int i)
{
    data[0] = (unsigned)i;
    if (set_entry(1, data, (unsigned)(4095 - i)) != 0)
        return 1;
    for (int n = 0; n < 100; n++) {
        sched_yield();
        if (read_by_gs(1, 0) != i || limit_of(1) != 4095 - i)
            return 1;
    }
    return 0;
}

int main(void)
{
    unsigned *data = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
    volatile int wrong = 0;
    data[0] = 4711;
    data[3] = 815;
    if (data == MAP_FAILED || set_entry(0, data, 4095) != 0)
        return puts("no local descriptor table here"), 0;
    expect("by GS", 815, read_by_gs(0, 12));
    expect("by ES, which has no base", 4711, read_by(0, (unsigned long)data));
    expect("limit", 4095, limit_of(0));
    signal(SIGSEGV, on_fault);
    if (sigsetjmp(back, 1) == 0)
        expect("an entry that is not there", -1, read_by_gs(7, 0));
    else
        puts("an entry that is not there: SIGSEGV");
    for (int i = 1; i <= 4; i++)
        if (fork() == 0)
            _exit(keep(data, i));
    for (int state; wait(&state) > 0;)
        wrong += state != 0;
    expect("processes with a wrong table", 0, wrong);
    return stress_end();
}
