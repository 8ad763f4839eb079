/* What every unit test includes: cmocka with the headers that it wants before it. */
#ifndef ENGRAM_TESTS_UNIT_H
#define ENGRAM_TESTS_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#endif
