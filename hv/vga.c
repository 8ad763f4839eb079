#include "vga.h"

#include "memory.h"

#include <string.h>

#define COLUMNS 80
#define ROWS 25
#define TEXT_BUFFER 0xb8000ull
#define GREY_ON_BLACK 0x0700u

static bool present;
static unsigned column, row;

static volatile uint16_t *cells(void) { return phys_to_virt(TEXT_BUFFER); }

void vga_init(bool text_mode)
{
    present = text_mode;
    if (!present)
        return;
    for (unsigned i = 0; i < COLUMNS * ROWS; i++)
        cells()[i] = GREY_ON_BLACK | ' ';
    column = row = 0;
}

static void new_line(void)
{
    column = 0;
    if (++row < ROWS)
        return;
    row = ROWS - 1;
    for (unsigned i = 0; i < COLUMNS * (ROWS - 1); i++)
        cells()[i] = cells()[i + COLUMNS];
    for (unsigned i = COLUMNS * (ROWS - 1); i < COLUMNS * ROWS; i++)
        cells()[i] = GREY_ON_BLACK | ' ';
}

void vga_put(char c)
{
    if (!present || c == '\r')
        return;
    if (c == '\n') {
        new_line();
        return;
    }
    cells()[row * COLUMNS + column] = (uint16_t)(GREY_ON_BLACK | (uint8_t)c);
    if (++column == COLUMNS)
        new_line();
}
