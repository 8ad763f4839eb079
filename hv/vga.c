#include "vga.h"

#include "memory.h"
#include "x86/io.h"

#define COLUMNS 80
#define ROWS 25
#define TEXT_BUFFER 0xb8000ull
#define GREY_ON_BLACK 0x0700u

/* Graphics controller, miscellaneous register (IBM VGA): bit 0 is graphics mode. */
#define GRAPHICS_INDEX 0x3ce
#define GRAPHICS_DATA 0x3cf
#define GRAPHICS_MISCELLANEOUS 6

static bool was_text, present;
static unsigned column, row;

static volatile uint16_t *cells(void)
{
    return phys_to_virt(TEXT_BUFFER);
}

void vga_init(bool text_mode)
{
    present = was_text = text_mode;
    if (!present)
        return;
    for (unsigned i = 0; i < COLUMNS * ROWS; i++)
        cells()[i] = GREY_ON_BLACK | ' ';
    column = row = 0;
}

void vga_release(void)
{
    present = false;
}

void vga_reclaim(void)
{
    if (!was_text)
        return;
    out8(GRAPHICS_INDEX, GRAPHICS_MISCELLANEOUS);
    vga_init(!(in8(GRAPHICS_DATA) & 1));
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
