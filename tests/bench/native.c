/*
 * The benchmark's loop (guest/benchmark.asm) as a Linux process: the same
 * instructions in the same order and alignment, with r8d where the guest has
 * its u in ESP. Prints the nanoseconds of CPU time that n outer turns took.
 *
 *     native t=48 u=100 n=1000000
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

void benchmark_loop(uint32_t *target, uint32_t u, uint32_t r, uint32_t n);

__asm__(".intel_syntax noprefix\n"
        "    .text\n"
        "    .type benchmark_loop, @function\n"
        "benchmark_loop:\n"
        "    push rbx\n"
        "    push rbp\n"
        "    mov r8d, esi\n"
        "    mov ebp, ecx\n"
        "    mov eax, [rdi]\n"
        "    lea rbx, [rip + write_loop]\n"
        "    lea r9, [rip + after_writes]\n"
        "    cmp r8d, edx\n" /* t = 0 */
        "    cmove rbx, r9\n"
        "    lea rsi, [rip + read_loop]\n"
        "    lea r9, [rip + after_reads]\n"
        "    test edx, edx\n"
        "    cmove rsi, r9\n"
        "    jmp outer\n"
        "    .balign 16\n"
        "outer:\n"
        "    mov ecx, r8d\n"
        "    jmp rbx\n"
        "    .balign 16\n"
        "write_loop:\n"
        "    inc eax\n"
        "    mov [rdi], eax\n"
        "    dec ecx\n"
        "    cmp ecx, edx\n"
        "    jne write_loop\n"
        "after_writes:\n"
        "    jmp rsi\n"
        "    .balign 16\n"
        "read_loop:\n"
        "    mov eax, [rdi]\n"
        "    nop\n"
        "    dec ecx\n"
        "    cmp ecx, 0\n"
        "    jne read_loop\n"
        "after_reads:\n"
        "    dec ebp\n"
        "    jnz outer\n"
        "    pop rbp\n"
        "    pop rbx\n"
        "    ret\n"
        "    .size benchmark_loop, . - benchmark_loop\n"
        "    .att_syntax\n");

static uint64_t nanoseconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static _Noreturn void usage(void)
{
    fputs("usage: native [t=48] [u=100] [n=1000] with t <= u and n > 0\n", stderr);
    exit(2);
}

int main(int argc, char **argv)
{
    static uint32_t target[1024] __attribute__((aligned(4096)));
    uint32_t t = 48, u = 100, n = 1000;

    for (int i = 1; i < argc; i++)
        if (sscanf(argv[i], "t=%" SCNu32, &t) != 1 && sscanf(argv[i], "u=%" SCNu32, &u) != 1 &&
            sscanf(argv[i], "n=%" SCNu32, &n) != 1)
            usage();
    if (t > u || n == 0)
        usage();

    benchmark_loop(target, u, u - t, n / 10 + 1); /* clock frequency, branch predictor */
    target[0] = 0;
    uint64_t before = nanoseconds();
    benchmark_loop(target, u, u - t, n);
    uint64_t spent = nanoseconds() - before;
    if (target[0] != t * n) {
        fprintf(stderr, "native: %" PRIu32 " was written last where %" PRIu32 " is expected\n", target[0],
                t * n);
        return 1;
    }
    printf("%" PRIu64 "\n", spent);
}
