/** cmocka_all: what cmocka.h needs before it, in the order it needs. */
#ifndef WEFT_TESTS_UNIT_VMM_CMOCKA_ALL_H
#define WEFT_TESTS_UNIT_VMM_CMOCKA_ALL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#endif
