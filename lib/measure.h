/**
 * measure: numbers that measure something, as people write them: 20ms, 100mbit, 0.1%, 64K.
 *
 * A program holds such a number in the base unit of what it measures, and JSON carries that; texts
 * have a unit. The units are those of tc(8), in either case:
 *
 *   time   ns; us, ms, s (also nsec, secs and so on)     20ms  1.5s  250us  10ns
 *   rate   bit a second; kbit to tbit are powers of 1000, kibit to tibit of 1024
 *                                                        100mbit  2.5gbit  64kbit
 *   share  %; held as parts of a billion                 0.1%  25%  0.0000001%
 *   size   bytes, or K to T (also KB, KiB), which are powers of 1024
 *                                                        1500  64K  1.5M
 *   pps    frames a second; kpps, mpps are powers of 1000  1000  1kpps  1.5mpps
 *
 * Fractions are exact: 0.3% is 3,000,000 parts of a billion, and what is finer than the base unit
 * is refused instead of rounded. But for sizes, frames and 0, a number needs its unit: for tc a
 * bare time is microseconds, for its users often milliseconds. So is "bps" refused, which is bytes
 * to tc and bits to everybody else.
 *
 * Pure functions; any thread.
 */
#ifndef WEFT_LIB_MEASURE_H
#define WEFT_LIB_MEASURE_H

#include "err.h"

#include <stddef.h>
#include <stdint.h>

enum measure {
	MEASURE_NONE, /* just a number */
	MEASURE_TIME,
	MEASURE_RATE,
	MEASURE_SHARE,
	MEASURE_SIZE,
	MEASURE_PPS,
};

/** All of a share. */
#define MEASURE_ALL UINT64_C(1000000000)

/**
 * Read a number with its unit, from min to max. measure is not MEASURE_NONE.
 * returns  0, -EINVAL (no number, no unit of the measure, finer than the base unit) or -ERANGE
 *          (outside, negative); err: the value and the reason, and what to write as its hint
 */
int measure_parse(enum measure measure, const char *text, uint64_t min, uint64_t max,
	uint64_t *ret_value, struct err *err);

/** Room for any measure_format(). */
#define MEASURE_TEXT_SIZE 32
/**
 * The shortest text that measure_parse() reads as this value, without a zero before the point:
 * 1500 us are "1.5ms", 100 ms are not "0.1s". For MEASURE_NONE the number alone. Returns buf.
 */
const char *measure_format(enum measure measure, uint64_t value, char buf[MEASURE_TEXT_SIZE]);

/** "20ms, 1.5s, 250us": what such values look like; "" for MEASURE_NONE. */
const char *measure_examples(enum measure measure);
/** The units that people type, the largest first; NULL where there are no more. */
const char *measure_unit(enum measure measure, unsigned i);

#endif
