/* Code that is written, run, and written anew: in place, ahead of where it runs, by another mapping of the
 * same page, and after munmap() at the same address. */
#include "stress.h"

#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

typedef int (*function)(void);

/* MOV EAX, value; RET */
static void write_function(uint8_t *at, int value)
{
    at[0] = 0xb8;
    memcpy(at + 1, &value, 4);
    at[5] = 0xc3;
}

static function function_at(uint8_t *at)
{
    function f;
    memcpy(&f, &at, sizeof f);
    return f;
}

static long rewritten(uint8_t *page, int turns)
{
    long sum = 0;
    for (int i = 0; i < turns; i++) {
        write_function(page + i % 16 * 16, i);
        sum += function_at(page + i % 16 * 16)();
    }
    return sum;
}

/* MOV BYTE [RIP + 2], value; (skipped) JMP +0; MOV AL, 0; RET: it writes the constant of an instruction of
 * its own. */
static long writes_ahead(uint8_t *page)
{
    static const uint8_t code[] = {0x31, 0xc0, 0x40, 0x88, 0x3d, 0x01, 0, 0, 0, 0xb0, 0, 0xc3};
    int (*f)(int);
    long sum = 0;
    memcpy(page, code, sizeof code);
    memcpy(&f, &page, sizeof f);
    for (int i = 0; i < 100; i++)
        sum += f(i);
    return sum;
}

int main(void)
{
    const int all = PROT_READ | PROT_WRITE | PROT_EXEC;
    uint8_t *page = mmap(NULL, 8192, all, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    expect("rewritten in place", 1000L * 999 / 2, rewritten(page, 1000));
    expect("constant of the next instruction", 100L * 99 / 2, writes_ahead(page));

    int file = memfd_create("code", 0);
    if (file < 0 || ftruncate(file, 4096) < 0)
        return 1;
    uint8_t *writable = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    uint8_t *code = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_SHARED, file, 0);
    long sum = 0;
    for (int i = 0; i < 200; i++) {
        write_function(writable, i);
        sum += function_at(code)();
    }
    expect("by another mapping", 200L * 199 / 2, sum);

    sum = 0;
    for (int i = 0; i < 50; i++) {
        munmap(page, 8192);
        page = mmap(page, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
        write_function(page, i);
        mprotect(page, 8192, PROT_READ | PROT_EXEC);
        sum += function_at(page)();
    }
    expect("mapped anew", 50L * 49 / 2, sum);
    return stress_end();
}
