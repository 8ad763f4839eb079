/* The VGA text screen, 80x25, where the boot loader left one. */
#ifndef ENGRAM_VGA_H
#define ENGRAM_VGA_H

#include "types.h"

void vga_init(bool text_mode);
void vga_put(char c);

#endif
