/* Runs a network on an emulated board: reads input.bin, writes output.bin and the counts of report.bin. */
#include "@NAME@.h"

#include <string.h>

#define PAINT 0xA5A5A5A5u

extern uint32_t data_from[], data_start[], data_end[], bss_start[], bss_end[], stack_end[], stack_top[];
extern const char network_start[], network_end[], arena_start[], arena_end[];

static int8_t input[@UPPER@_INPUT_SIZE], output[@UPPER@_OUTPUT_SIZE];

void reset(void);
void fault(void);

#ifdef __riscv

/* Where the board begins, and where it ends if anything goes wrong. */
__asm__(".section .start, \"ax\"\n"
        ".globl start\n"
        "start: la sp, stack_top\n"
        "la t0, fault\n"
        "csrw mtvec, t0\n"
        "j reset\n");

/* Three instructions that are not compressed, on one page, are what the host looks for. */
__asm__(".text\n.balign 16\n.option push\n.option norvc\n"
        "host: slli zero, zero, 0x1f\n"
        "ebreak\n"
        "srai zero, zero, 7\n"
        "ret\n.option pop\n");

int32_t host(int32_t operation, const void *arguments);

static int32_t ask_host(int32_t operation, const void *arguments)
{
    return host(operation, arguments);
}

static void start_counting(void)
{
}

static uint32_t now(void)
{
    uint32_t count;
    __asm__ volatile("csrr %0, minstret" : "=r"(count));
    return count;
}

#else

#define SYSTICK ((volatile uint32_t *)0xE000E010)
#define WRAP 0x1000000u

static volatile uint32_t wraps;

void tick(void);

__attribute__((section(".start"), used)) static void (*const vectors[16])(void) = {
    (void (*)(void))stack_top, reset, fault, fault, fault, fault, fault, 0, 0, 0, 0, fault, 0, 0, fault, tick,
};

static int32_t ask_host(int32_t operation, const void *arguments)
{
    register int32_t r0 __asm__("r0") = operation;
    register const void *r1 __asm__("r1") = arguments;
    __asm__ volatile("bkpt 0xAB" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

void tick(void)
{
    wraps++;
}

static void start_counting(void)
{
    SYSTICK[1] = WRAP - 1;
    SYSTICK[2] = 0;
    SYSTICK[0] = 7;
}

static uint32_t now(void)
{
    return wraps * WRAP + (WRAP - 1 - SYSTICK[2]);
}

#endif

static int32_t open_file(const char *path, uint32_t mode)
{
    const uint32_t arguments[3] = {(uint32_t)path, mode, strlen(path)};
    return ask_host(1, arguments);
}

/* Bytes that could not be read (6) or written (5). */
static int32_t transfer(int32_t operation, int32_t file, const void *bytes, uint32_t count)
{
    const uint32_t arguments[3] = {(uint32_t)file, (uint32_t)bytes, count};
    return ask_host(operation, arguments);
}

static void stop(uint32_t reason)
{
    ask_host(0x18, (const void *)reason);
    for (;;) {
    }
}

void fault(void)
{
    stop(0x20023);
}

void reset(void)
{
    memcpy(data_start, data_from, (size_t)((char *)data_end - (char *)data_start));
    memset(bss_start, 0, (size_t)((char *)bss_end - (char *)bss_start));
    const int32_t from = open_file("input.bin", 1), to = open_file("output.bin", 5);
    start_counting();
    uint32_t runs = 0, ticks = 0, marker = 0;
    volatile uint32_t *here = &marker;
    volatile uint32_t *const below = here - 16;
    while (transfer(6, from, input, sizeof input) == 0) {
        for (volatile uint32_t *word = stack_end; word < below; word++)
            *word = PAINT;
        const uint32_t start = now();
        @NAME@_run(input, output);
        ticks += now() - start;
        transfer(5, to, output, sizeof output);
        runs++;
    }
    volatile uint32_t *deepest = stack_end;
    while (deepest < below && *deepest == PAINT)
        deepest++;
    const uint32_t report[5] = {
        runs,
        ticks,
        (uint32_t)((const volatile char *)below - (const volatile char *)deepest),
        (uint32_t)(network_end - network_start),
        (uint32_t)(arena_end - arena_start),
    };
    transfer(5, open_file("report.bin", 5), report, sizeof report);
    stop(0x20026);
}

/* What the compiler may call where there is no C library. */
void *memcpy(void *to, const void *from, size_t count)
{
    char *out = to;
    const char *in = from;
    while (count-- > 0)
        *out++ = *in++;
    return to;
}

void *memset(void *to, int value, size_t count)
{
    char *out = to;
    while (count-- > 0)
        *out++ = (char)value;
    return to;
}

size_t strlen(const char *text)
{
    size_t length = 0;
    while (text[length] != 0)
        length++;
    return length;
}
