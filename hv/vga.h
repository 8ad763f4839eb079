/* The VGA text screen, 80x25, where the boot loader left one. */
#ifndef ENGRAM_VGA_H
#define ENGRAM_VGA_H

#include "types.h"

/* Takes the screen as empty, or leaves it alone. */
void vga_init(bool text_mode);

/* The guest owns the screen from now on. */
void vga_release(void);

/* After the guest: the screen is used again where the guest left it in text mode. */
void vga_reclaim(void);
void vga_put(char c);

#endif
